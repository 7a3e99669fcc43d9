//! Images are turned as their files ask viewers to.

use bytemuck::Pod;
use ctm::Shape;
use image::metadata::Orientation;

use crate::memory::zeroed;

/// Turns an image as its file asks viewers to.
pub(super) fn turned<T: Pod>(
    values: Vec<T>,
    shape: Shape,
    orientation: Orientation,
) -> anyhow::Result<(Vec<T>, Shape)> {
    // First mirrored left to right, then turned clockwise by so many quarters.
    let (mirrored, quarters) = match orientation {
        Orientation::NoTransforms => return Ok((values, shape)),
        Orientation::Rotate90 => (false, 1),
        Orientation::Rotate180 => (false, 2),
        Orientation::Rotate270 => (false, 3),
        Orientation::FlipHorizontal => (true, 0),
        Orientation::FlipVertical => (true, 2),
        Orientation::Rotate90FlipH => (true, 3),
        Orientation::Rotate270FlipH => (true, 1),
    };
    let (width, height) = (shape.width() as usize, shape.height() as usize);
    let channels = shape.channels() as usize;
    let new_shape =
        if quarters % 2 == 0 { shape } else { Shape::new(shape.height(), shape.width(), shape.channels())? };
    let mut out = zeroed(values.len() as u128, "turning the image needs")?;
    for (index, pixel) in out.chunks_exact_mut(channels).enumerate() {
        let (x, y) = (index % new_shape.width() as usize, index / new_shape.width() as usize);
        let (from_x, from_y) = match quarters {
            0 => (x, y),
            1 => (y, height - 1 - x),
            2 => (width - 1 - x, height - 1 - y),
            _ => (width - 1 - y, x),
        };
        let from_x = if mirrored { width - 1 - from_x } else { from_x };
        pixel.copy_from_slice(&values[(from_y * width + from_x) * channels..][..channels]);
    }
    Ok((out, new_shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, RgbImage};

    #[test]
    fn turns_like_the_image_crate() {
        let picture = RgbImage::from_fn(5, 3, |x, y| image::Rgb([x as u8, y as u8, 7]));
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif).unwrap();
            let mut expected = DynamicImage::ImageRgb8(picture.clone());
            expected.apply_orientation(orientation);
            let shape = Shape::new(5, 3, 3).unwrap();
            let (turned, shape) = turned(picture.as_raw().clone(), shape, orientation).unwrap();
            assert_eq!((shape.width(), shape.height()), (expected.width(), expected.height()));
            assert_eq!(turned, expected.into_bytes(), "{orientation:?}");
        }
    }
}
