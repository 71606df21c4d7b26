//! One element between two pads made by hand.

use std::str::FromStr;
use std::sync::mpsc::{Receiver, channel};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;

use crate::{CodecError, MakeError, Properties};

/// What came out of the element, and the caps that held then.
pub(crate) struct Produced {
    pub(crate) buffer: gst::Buffer,
    pub(crate) caps: Option<gst::Caps>,
}

/// An element in the playing state, linked to a pad to push into and a pad that collects.
pub(crate) struct Driven {
    element: gst::Element,
    input: gst::Pad,
    output: gst::Pad,
    produced: Receiver<Produced>,
}

impl Driven {
    /// Makes and starts the element. `output_caps` bounds what it may produce, and so chooses
    /// profile and stream format.
    pub(crate) fn new(
        factory: &str,
        properties: &Properties<'_>,
        input_caps: &gst::Caps,
        output_caps: &gst::Caps,
    ) -> Result<Self, MakeError> {
        let element = gst::ElementFactory::make(factory)
            .build()
            .map_err(|_| MakeError::Element(factory.to_owned()))?;
        for (name, value) in properties {
            set_property(&element, factory, name, &value.to_string())?;
        }
        let (send, produced) = channel();
        let input = gst::Pad::builder(gst::PadDirection::Src)
            .name("input")
            .query_function(|pad, parent, query| match query.view_mut() {
                // Live and without latency of its own: decoders choose slice threads, if any.
                gst::QueryViewMut::Latency(latency) => {
                    latency.set(true, gst::ClockTime::ZERO, gst::ClockTime::NONE);
                    true
                }
                _ => gst::Pad::query_default(pad, parent, query),
            })
            .build();
        let link = |_| MakeError::Link(factory.to_owned());
        let template = gst::PadTemplate::new(
            "output",
            gst::PadDirection::Sink,
            gst::PadPresence::Always,
            output_caps,
        )
        .map_err(link)?;
        let output = gst::Pad::builder_from_template(&template)
            .name("output")
            // Without this flag a change of caps in mid-stream is refused.
            .flags(gst::PadFlags::ACCEPT_TEMPLATE)
            .query_function(|pad, parent, query| match query.view_mut() {
                // Decoders may then pad their rows as they like, and need not copy.
                gst::QueryViewMut::Allocation(allocation) => {
                    allocation.add_allocation_meta::<gst_video::VideoMeta>(None);
                    true
                }
                _ => gst::Pad::query_default(pad, parent, query),
            })
            .chain_function(move |pad, _, buffer| {
                send.send(Produced { buffer, caps: pad.current_caps() })
                    .map(|()| gst::FlowSuccess::Ok)
                    .map_err(|_| gst::FlowError::Eos)
            })
            .build();
        // From here on dropping it stops the element, which must not be dropped while it plays.
        let driven = Self { element, input, output, produced };
        driven.start(factory, input_caps)?;
        Ok(driven)
    }

    fn start(&self, factory: &str, input_caps: &gst::Caps) -> Result<(), MakeError> {
        let Self { element, input, output, .. } = self;
        let failed = || MakeError::Link(factory.to_owned());
        let sink = element.static_pad("sink").ok_or_else(failed)?;
        let src = element.static_pad("src").ok_or_else(failed)?;
        input.set_active(true).map_err(|_| failed())?;
        output.set_active(true).map_err(|_| failed())?;
        input.link(&sink).map_err(|_| failed())?;
        src.link(output).map_err(|_| failed())?;
        element.set_state(gst::State::Playing).map_err(|_| MakeError::Start(factory.to_owned()))?;
        input.push_event(gst::event::StreamStart::new("input"));
        if !input.push_event(gst::event::Caps::new(input_caps)) {
            return Err(failed());
        }
        self.open_segment().map_err(|_| failed())
    }

    fn open_segment(&self) -> Result<(), CodecError> {
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        self.event(gst::event::Segment::new(&segment), "a segment")
    }

    fn event(&self, event: gst::Event, what: &'static str) -> Result<(), CodecError> {
        self.input.push_event(event).then_some(()).ok_or(CodecError::Event(what))
    }

    /// Says what follows on the input.
    pub(crate) fn set_caps(&self, caps: &gst::Caps) -> Result<(), CodecError> {
        self.event(gst::event::Caps::new(caps), "a change of caps")
    }

    /// Asks an encoder to make the next picture a key frame, parameter sets included.
    pub(crate) fn force_key(&self) -> Result<(), CodecError> {
        let event = gst_video::DownstreamForceKeyUnitEvent::builder().all_headers(true).build();
        self.event(event, "a key-frame request")
    }

    /// Pushes one buffer; what it brings out is in [`produced`](Self::produced) on return.
    pub(crate) fn push(&self, buffer: gst::Buffer) -> Result<(), CodecError> {
        self.input.push(buffer)?;
        Ok(())
    }

    /// Ends the stream, so that the element gives out all it holds, and opens a new one.
    pub(crate) fn drain(&self) -> Result<(), CodecError> {
        // An element that has nothing to give may answer no here; a flush is what must work.
        self.input.push_event(gst::event::Eos::new());
        self.flush()
    }

    /// Throws away what the element holds and opens a new stream of the same caps.
    pub(crate) fn flush(&self) -> Result<(), CodecError> {
        self.event(gst::event::FlushStart::new(), "a flush")?;
        self.event(gst::event::FlushStop::new(true), "a flush")?;
        self.open_segment()
    }

    /// Takes what came out.
    pub(crate) fn produced(&self) -> impl Iterator<Item = Produced> + '_ {
        self.produced.try_iter()
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        // Stopping can fail only for elements that stop asynchronously, and codecs do not.
        let _ = self.element.set_state(gst::State::Null);
        let _ = self.input.set_active(false);
        let _ = self.output.set_active(false);
    }
}

impl std::fmt::Debug for Driven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let factory = self.element.factory().map(|factory| factory.name().to_string());
        f.debug_struct("Driven").field("element", &factory).finish_non_exhaustive()
    }
}

fn set_property(
    element: &gst::Element,
    factory: &str,
    name: &str,
    value: &str,
) -> Result<(), MakeError> {
    // The plain setters panic on an unknown name or an ill-typed value.
    let parsed = element
        .find_property(name)
        .filter(|spec| spec.flags().contains(glib::ParamFlags::WRITABLE))
        .and_then(|spec| glib::Value::deserialize_with_pspec(value, &spec).ok())
        .ok_or_else(|| MakeError::Property {
            element: factory.to_owned(),
            property: name.to_owned(),
            value: value.to_owned(),
        })?;
    element.set_property_from_value(name, &parsed);
    Ok(())
}

/// The caps that `text` stands for.
pub(crate) fn parse_caps(text: &str) -> Result<gst::Caps, MakeError> {
    gst::Caps::from_str(text).map_err(|_| MakeError::Caps(text.to_owned()))
}
