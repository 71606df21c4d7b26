//! Text on a luma plane, in whole multiples of a bitmap font's pixels.

use embedded_graphics::Drawable;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::ascii::{FONT_6X10, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Gray8;
use embedded_graphics::prelude::{GrayColor, Pixel};
use embedded_graphics::text::{Baseline, Text};

/// A luma plane seen through a grid of blocks, each one pixel of the font.
struct Blocks<'a> {
    luma: &'a mut [u8],
    columns: usize,
    left: usize,
    top: usize,
    /// Pixels of the plane to a pixel of the font, in both directions.
    factor: usize,
}

impl OriginDimensions for Blocks<'_> {
    fn size(&self) -> Size {
        let rows = self.luma.len() / self.columns.max(1);
        let blocks = |length: usize| u32::try_from(length / self.factor).unwrap_or(u32::MAX);
        Size::new(blocks(self.columns), blocks(rows))
    }
}

impl DrawTarget for Blocks<'_> {
    type Color = Gray8;
    type Error = std::convert::Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Self::Error>
    where
        I: IntoIterator<Item = Pixel<Gray8>>,
    {
        for Pixel(at, colour) in pixels {
            let (Ok(x), Ok(y)) = (usize::try_from(at.x), usize::try_from(at.y)) else { continue };
            let left = self.left + x * self.factor;
            let top = self.top + y * self.factor;
            let right = (left + self.factor).min(self.columns);
            for row in self.luma.chunks_exact_mut(self.columns).skip(top).take(self.factor) {
                if let Some(block) = row.get_mut(left..right) {
                    block.fill(colour.luma());
                }
            }
        }
        Ok(())
    }
}

/// A line of text to be drawn on a plane.
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    /// The middle of the line, in rows from the top.
    pub(super) middle: usize,
    /// The most rows it may take.
    pub(super) rows: usize,
    /// How bright it is.
    pub(super) luma: u8,
}

/// Where a line comes to lie, in pixels of the plane.
pub(super) struct Placed {
    font: &'static MonoFont<'static>,
    factor: usize,
    left: usize,
    pub(super) top: usize,
    pub(super) height: usize,
}

impl Line<'_> {
    /// The largest size at which the line fits, centred. One that fits at none is cut off.
    pub(super) fn place(&self, columns: usize) -> Placed {
        let characters = self.text.chars().count().max(1);
        let room = columns * 15 / 16;
        let size = |font: &MonoFont<'_>| {
            let cell = font.character_size;
            (cell.width as usize * characters, cell.height as usize)
        };
        let (font, factor) = [&FONT_10X20, &FONT_6X10]
            .into_iter()
            .map(|font| (font, (room / size(font).0).min(self.rows / size(font).1)))
            .find(|(_, factor)| *factor > 0)
            .unwrap_or((&FONT_6X10, 1));
        let (width, height) = (size(font).0 * factor, size(font).1 * factor);
        Placed {
            font,
            factor,
            left: columns.saturating_sub(width) / 2,
            top: self.middle.saturating_sub(height / 2),
            height,
        }
    }

    /// Draws the line where it was placed.
    pub(super) fn draw(&self, luma: &mut [u8], columns: usize, placed: &Placed) {
        let Placed { font, factor, left, top, .. } = *placed;
        let mut blocks = Blocks { luma, columns, left, top, factor };
        let style = MonoTextStyle::new(font, Gray8::new(self.luma));
        // Drawing on memory cannot fail.
        let _ =
            Text::with_baseline(self.text, Point::zero(), style, Baseline::Top).draw(&mut blocks);
    }
}
