//! What is kept from the decoder, by kind: a closed vocabulary as the codes are.

/// A kind of thing that was in a camera's stream and did not reach the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Filtered {
    /// Supplemental enhancement information: captions, serial numbers, whatever a vendor likes.
    Sei = 0,
    /// Access unit delimiters, ends of sequence and of stream.
    Delimiter = 1,
    /// Filler data.
    Filler = 2,
    /// NAL units of extensions: other layers and views, auxiliary pictures, data partitions.
    Extension = 3,
    /// NAL units of types that are reserved or the vendor's own, or with a broken header.
    Reserved = 4,
    /// Parameter sets that were refused.
    ParameterSet = 5,
    /// Slices without accepted parameter sets.
    Slice = 6,
    /// APPn and COM segments of JPEG images.
    Segment = 7,
    /// Bytes outside of units, or behind what a unit says.
    Trailing = 8,
    /// Whole access units that were refused.
    Unit = 9,
}

impl Filtered {
    /// How many there are: at most 16.
    pub const COUNT: usize = 10;

    /// Every kind, in order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Sei,
        Self::Delimiter,
        Self::Filler,
        Self::Extension,
        Self::Reserved,
        Self::ParameterSet,
        Self::Slice,
        Self::Segment,
        Self::Trailing,
        Self::Unit,
    ];

    /// The kind's name in metrics: lower case, words joined by `_`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sei => "sei",
            Self::Delimiter => "delimiter",
            Self::Filler => "filler",
            Self::Extension => "extension",
            Self::Reserved => "reserved",
            Self::ParameterSet => "parameter_set",
            Self::Slice => "slice",
            Self::Segment => "segment",
            Self::Trailing => "trailing",
            Self::Unit => "unit",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_in_order_and_labels_distinct() {
        for (index, kind) in Filtered::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, index);
        }
        let labels: std::collections::HashSet<_> =
            Filtered::ALL.iter().map(|k| k.label()).collect();
        assert_eq!(labels.len(), Filtered::COUNT);
    }
}
