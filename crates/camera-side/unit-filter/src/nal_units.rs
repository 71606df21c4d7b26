//! What H.264 and H.265 have in common: a walk over the NAL units of an access unit.

use cofferdam_picture_ring::Filtered;

use crate::annexb::{self, Place};
use crate::edit::Edit;
use crate::limits::UnitLimits;
use crate::sets::Shorter;
use crate::{Refusal, Tally};

/// What becomes of a NAL unit by its header.
#[derive(Clone, Copy)]
pub(crate) enum Kind<S> {
    /// A slice, or slice segment: kept if its parameter sets are known.
    Slice,
    /// A parameter set of the given kind: kept if it is accepted.
    Set(S),
    Dropped(Filtered),
}

/// The syntax of a format, and what was accepted of a stream so far.
pub(crate) trait Syntax {
    /// The kinds of parameter sets.
    type Set;
    /// Where in a picture the slices have come to.
    type Order: Default;

    /// What `nal` is. It is not empty.
    fn kind(nal: &[u8]) -> Kind<Self::Set>;

    /// Takes in a parameter set. Gives it again, shorter, when it says more than decoding needs.
    ///
    /// # Errors
    /// When it is refused.
    fn accept(&mut self, set: Self::Set, nal: &[u8]) -> Result<Shorter, Refusal>;

    /// Whether the parameter sets of a slice are known.
    ///
    /// # Errors
    /// When it cannot stand where it does.
    fn knows(&self, slice: &[u8], order: &mut Self::Order) -> Result<bool, Refusal>;

    /// Forgets all parameter sets.
    fn forget(&mut self);
}

/// Says what of `unit` is kept.
pub(crate) fn check<S: Syntax>(
    syntax: &mut S,
    limits: &UnitLimits,
    unit: &[u8],
    edit: &mut Edit,
    tally: &mut Tally,
) -> Result<(), Refusal> {
    let mut brought_sets = false;
    let result = walk(syntax, limits, unit, edit, tally, &mut brought_sets);
    if result.is_err() && brought_sets {
        // The decoder does not get them either: what it has and what is known here stay the same.
        syntax.forget();
    }
    result
}

fn walk<S: Syntax>(
    syntax: &mut S,
    limits: &UnitLimits,
    unit: &[u8],
    edit: &mut Edit,
    tally: &mut Tally,
    brought_sets: &mut bool,
) -> Result<(), Refusal> {
    let (mut slices, mut others) = (0, 0);
    let mut order = S::Order::default();
    let mut end = 0;
    let mut refused = None;
    for Place { framed, nal: place } in annexb::places(unit) {
        count_stray(&unit[end..framed.start], tally);
        end = framed.end;
        let nal = &unit[place.clone()];
        let kind = S::kind(nal);
        *if matches!(kind, Kind::Slice) { &mut slices } else { &mut others } += 1;
        if slices > limits.slices || others > limits.others {
            return Err(Refusal::TooMuch);
        }
        match kind {
            Kind::Dropped(_) if cfg!(feature = "without-kinds") => edit.keep(framed),
            Kind::Dropped(kind) => tally.count(kind),
            Kind::Slice => {
                if cfg!(feature = "without-slice-check") || syntax.knows(nal, &mut order)? {
                    edit.keep(framed);
                } else {
                    tally.count(Filtered::Slice);
                    refused.get_or_insert(Refusal::NoParameterSets);
                }
            }
            // They begin an access unit (H.264 7.4.1.2.3, H.265 7.4.2.4.4).
            Kind::Set(_) if slices > 0 => return Err(Refusal::Malformed),
            Kind::Set(set) => {
                *brought_sets = true;
                let accepted = if nal.len() > limits.parameter_set {
                    Err(Refusal::TooMuch)
                } else {
                    syntax.accept(set, nal)
                };
                match accepted {
                    Ok(None) => edit.keep(framed),
                    Ok(Some(shorter)) => {
                        tally.count(Filtered::Trailing);
                        edit.keep(framed.start..place.start);
                        edit.replace(&place, shorter);
                    }
                    Err(refusal) => {
                        tally.count(Filtered::ParameterSet);
                        refused.get_or_insert(refusal);
                    }
                }
            }
        }
    }
    count_stray(&unit[end..], tally);
    refused.map_or(Ok(()), Err)
}

/// Zeros pad; anything else outside of NAL units was put there.
fn count_stray(bytes: &[u8], tally: &mut Tally) {
    if bytes.iter().any(|byte| *byte != 0) {
        tally.count(Filtered::Trailing);
    }
}
