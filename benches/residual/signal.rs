//! Spread spectrum: each bit adds or takes away a pattern that only sender and receiver know.

/// How bits are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signal {
    /// What is added to or taken from luma.
    pub(crate) amplitude: u8,
    /// The side of the square that holds a bit, in pixels.
    pub(crate) block: usize,
    /// The side of the squares the pattern is made of, in pixels.
    pub(crate) chip: usize,
}

/// Bits that were read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) bits: usize,
    wrong: usize,
}

impl Reading {
    /// The share of wrong ones.
    pub(crate) fn wrong(&self) -> f64 {
        self.wrong as f64 / self.bits.max(1) as f64
    }
}

impl Signal {
    /// Bits in a picture.
    pub(crate) const fn blocks(&self, (width, height): (usize, usize)) -> usize {
        (width / self.block) * (height / self.block)
    }

    /// Writes the bits of picture `number`.
    pub(crate) fn write(&self, luma: &mut [u8], size: (usize, usize), number: usize) {
        for block in 0..self.blocks(size) {
            let bit = bit(number, block);
            self.each(size, block, |at, chip| {
                luma[at] = match chip == bit {
                    true => luma[at].saturating_add(self.amplitude),
                    false => luma[at].saturating_sub(self.amplitude),
                };
            });
        }
    }

    /// Reads the bits of a picture that is one of `pictures`, and compares them. Even blocks tell
    /// which picture it is; odd ones are counted.
    pub(crate) fn read(
        &self,
        luma: &[u8],
        size: (usize, usize),
        pictures: usize,
        reading: &mut Reading,
    ) {
        let bits: Vec<bool> =
            (0..self.blocks(size)).map(|block| self.correlation(luma, size, block) > 0).collect();
        let alike = |number: usize| {
            let even = bits.iter().enumerate().step_by(2);
            even.filter(|(block, read)| bit(number, *block) == **read).count()
        };
        let Some(number) = (0..pictures).max_by_key(|number| alike(*number)) else { return };
        for (block, read) in bits.iter().enumerate().skip(1).step_by(2) {
            reading.bits += 1;
            reading.wrong += usize::from(bit(number, block) != *read);
        }
    }

    /// How far a block leans to the pattern, less what its neighbourhood would do anyway.
    fn correlation(&self, luma: &[u8], size: (usize, usize), block: usize) -> i64 {
        let (width, reach) = (size.0, self.chip);
        let mut sum = 0;
        self.each(size, block, |at, chip| {
            let value = |at: Option<usize>| at.and_then(|at| luma.get(at)).copied();
            let around = [
                value(at.checked_sub(reach)),
                value(at.checked_add(reach)),
                value(at.checked_sub(reach * width)),
                value(at.checked_add(reach * width)),
            ];
            let own = i64::from(luma[at]);
            let lean: i64 = around.iter().map(|v| own - v.map_or(own, i64::from)).sum();
            // An edge of the scene is not allowed to outvote everything else.
            let lean = lean.clamp(-8 * i64::from(self.amplitude), 8 * i64::from(self.amplitude));
            sum += if chip { lean } else { -lean };
        });
        sum
    }

    /// Every pixel of a block, with its chip.
    fn each(&self, size: (usize, usize), block: usize, mut visit: impl FnMut(usize, bool)) {
        let columns = size.0 / self.block;
        let (left, top) = (block % columns * self.block, block / columns * self.block);
        for y in 0..self.block {
            for x in 0..self.block {
                let place = (y / self.chip) * self.block + x / self.chip;
                visit((top + y) * size.0 + left + x, random(block, place, 1));
            }
        }
    }
}

fn bit(number: usize, block: usize) -> bool {
    random(number, block, 2)
}

/// The shared key: SplitMix64 of three numbers.
fn random(a: usize, b: usize, salt: u64) -> bool {
    let mut z = (a as u64) << 32 ^ b as u64 ^ salt << 60;
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) & 1 == 1
}
