//! How much a future may read before something else has its turn.
//!
//! tokio gives each poll of a task a budget of I/O operations; a future that has used it up is pending and
//! woken at once. Here that budget is cut down, for futures of a library that would do more at a turn than
//! its caller can let happen unseen.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::coop;

/// More than tokio's budget for one poll.
const MORE_THAN_A_BUDGET: usize = 1024;

/// How far [`advance`] came.
#[derive(Debug)]
pub(crate) enum Progress<T> {
    /// The future is ready: it ended early.
    Done(T),
    /// All the operations were done, and none after them.
    Reached,
}

/// The runtime does not count operations: nothing can be promised.
#[derive(Debug)]
pub(crate) struct Ungoverned;

/// Polls `future` until it has done `operations` I/O operations (a connect, a write, a read), and
/// no further.
pub(crate) async fn advance<F: Future>(
    mut future: Pin<&mut F>,
    mut operations: usize,
) -> Result<Progress<F::Output>, Ungoverned> {
    poll_fn(|cx| {
        let Some(mut kept) = take_budget(cx) else { return Poll::Ready(Err(Ungoverned)) };
        if kept.len() < operations {
            // The rest of the task used it up; the next poll has a fresh one.
            give_back(kept);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        give_back(kept.split_off(kept.len() - operations));
        let polled = future.as_mut().poll(cx);
        operations = take_budget(cx).map_or(0, |left| left.len());
        give_back(kept);
        match polled {
            Poll::Ready(output) => Poll::Ready(Ok(Progress::Done(output))),
            Poll::Pending if operations == 0 => Poll::Ready(Ok(Progress::Reached)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Polls `future` once, for at most so many I/O operations.
pub(crate) fn poll_up_to<F: Future>(
    future: Pin<&mut F>,
    operations: usize,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    // Where operations are not counted there is no runtime either that would poll this.
    let mut kept = take_budget(cx).unwrap_or_default();
    give_back(kept.split_off(kept.len().saturating_sub(operations)));
    let polled = future.poll(cx);
    give_back(kept);
    polled
}

/// Takes all of the task's budget, unit by unit, or `None` when there is no end to it.
fn take_budget(cx: &mut Context<'_>) -> Option<Vec<coop::RestoreOnPending>> {
    let mut units = Vec::new();
    while coop::has_budget_remaining() {
        if units.len() == MORE_THAN_A_BUDGET {
            return None;
        }
        if let Poll::Ready(unit) = coop::poll_proceed(cx) {
            units.push(unit);
        }
    }
    Some(units)
}

/// Sets the budget to what it was before the first of `units` was taken.
fn give_back(units: Vec<coop::RestoreOnPending>) {
    // Each restores, as it is dropped, what it found: the first must have the last word.
    units.into_iter().rev().for_each(drop);
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    /// Far more than a poll's budget, all there to be taken.
    const WAITING: usize = 4000;

    /// Takes all that waits, and counts.
    async fn take(waiting: &mut tokio::sync::mpsc::Receiver<()>, taken: &mut usize) {
        while *taken < WAITING && waiting.recv().await.is_some() {
            *taken += 1;
        }
    }

    #[tokio::test]
    async fn a_future_does_no_more_at_a_turn_than_it_may() {
        let (put, mut waiting) = tokio::sync::mpsc::channel(WAITING);
        (0..WAITING).for_each(|_| put.try_send(()).unwrap());
        let mut turns = 0;
        let mut taken = 0;
        {
            let mut taking = pin!(take(&mut waiting, &mut taken));
            poll_fn(|cx| {
                turns += 1;
                poll_up_to(taking.as_mut(), 8, cx)
            })
            .await;
        }
        assert_eq!((taken, turns), (WAITING, WAITING / 8));
    }

    /// The control: left alone it does as much as the runtime lets it.
    #[tokio::test]
    async fn left_alone_it_does_far_more() {
        let (put, mut waiting) = tokio::sync::mpsc::channel(WAITING);
        (0..WAITING).for_each(|_| put.try_send(()).unwrap());
        let mut taken = 0;
        {
            let mut taking = pin!(take(&mut waiting, &mut taken));
            let first = poll_fn(|cx| Poll::Ready(taking.as_mut().poll(cx))).await;
            assert_eq!(first, Poll::Pending);
        }
        assert!(taken > 80, "{taken}");
    }
}
