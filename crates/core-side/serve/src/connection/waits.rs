//! What a connection waits for, where it may also wait for nothing.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use cofferdam_publish::{Subscription, SubscriptionEnd, Unit};
use cofferdam_rtp::rtcp::Incoming;
use tokio::io::{Interest, Ready};
use tokio::task::JoinHandle;

use crate::datagrams::Feedback;
use crate::stream::Stream;
use crate::tunnel::Tunnelled;

pub(super) async fn next_bytes(tunnelled: Option<&mut Tunnelled>) -> Bytes {
    match tunnelled {
        // The list holds a sender for as long as this half is in it.
        Some(tunnelled) => match tunnelled.requests.recv().await {
            Some(bytes) => bytes,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

pub(super) async fn checked(checking: Option<&mut JoinHandle<bool>>) -> bool {
    match checking {
        // A check that failed to run has not shown that the password is right.
        Some(checking) => checking.await.unwrap_or(false),
        None => std::future::pending().await,
    }
}

pub(super) async fn ready(stream: &Stream, interest: Option<Interest>) -> io::Result<Ready> {
    match interest {
        Some(interest) => stream.ready(interest).await,
        None => std::future::pending().await,
    }
}

pub(super) async fn next_unit(
    subscription: Option<&mut Subscription>,
) -> Result<Option<Arc<Unit>>, SubscriptionEnd> {
    match subscription {
        Some(subscription) => subscription.next_or_back().await,
        None => std::future::pending().await,
    }
}

pub(super) async fn next_feedback(feedback: Option<&mut Feedback>) -> Incoming {
    match feedback {
        Some(feedback) => feedback.next().await,
        None => std::future::pending().await,
    }
}
