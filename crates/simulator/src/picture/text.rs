//! Text in a luma plane, in whole multiples of a bitmap font's pixels.

use std::convert::Infallible;

use embedded_graphics::mono_font::MonoTextStyleBuilder;
use embedded_graphics::mono_font::ascii::FONT_10X20;
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::{DrawTarget, Drawable, OriginDimensions, Pixel, Point, Size};
use embedded_graphics::text::{Baseline, Text};

use super::draw::Area;
use cofferdam_picture::PictureMut;

/// A glyph's size in pixels, before scaling.
const GLYPH: (usize, usize) = (10, 20);

/// Draws `line`, white on black, with its top left corner at `(x, y)`, every font pixel a square of
/// `scale` pixels. What does not fit is cut off.
pub(crate) fn draw(picture: &mut PictureMut<'_>, line: &str, (x, y): (usize, usize), scale: usize) {
    let area = Area { x, y, width: line.len() * GLYPH.0 * scale, height: GLYPH.1 * scale };
    area.fill(picture, [16, 128, 128]);
    let mut target = Scaled { picture, x, y, scale };
    // The ink alone: the area is black already.
    let style = MonoTextStyleBuilder::new().font(&FONT_10X20).text_color(BinaryColor::On).build();
    let Ok(_) = Text::with_baseline(line, Point::zero(), style, Baseline::Top).draw(&mut target);
}

struct Scaled<'a, 'b> {
    picture: &'a mut PictureMut<'b>,
    x: usize,
    y: usize,
    scale: usize,
}

impl OriginDimensions for Scaled<'_, '_> {
    fn size(&self) -> Size {
        let geometry = self.picture.geometry;
        Size::new(geometry.width(), geometry.height())
    }
}

impl DrawTarget for Scaled<'_, '_> {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<BinaryColor>>,
    {
        for Pixel(point, colour) in pixels {
            let (Ok(x), Ok(y)) = (usize::try_from(point.x), usize::try_from(point.y)) else {
                continue;
            };
            let area = Area {
                x: self.x + x * self.scale,
                y: self.y + y * self.scale,
                width: self.scale,
                height: self.scale,
            };
            area.fill_luma(self.picture, if colour.is_on() { 235 } else { 16 });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_picture::{Geometry, Picture};

    use super::*;

    #[test]
    fn scaling_multiplies_the_ink_and_stays_inside() {
        let geometry = Geometry::new(320, 180).unwrap();
        let ink = |scale, at| {
            let mut picture = Picture::black(geometry);
            draw(&mut picture.as_mut(), "Ab1", at, scale);
            picture.as_ref().y.iter().filter(|y| **y == 235).count()
        };
        let once = ink(1, (0, 0));
        assert!(once > 30);
        assert_eq!(ink(3, (10, 10)), 9 * once);
        assert!(ink(3, (300, 170)) < 9 * once);
        assert_eq!(ink(1, (400, 400)), 0);
    }
}
