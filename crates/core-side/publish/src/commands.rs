//! What the encode worker is to be told, until somebody tells it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cofferdam_encode_link::Command;
use tokio::sync::Notify;

/// The commands that wait to be written to a camera's encode worker.
///
/// Clones are the same queue, meant for one task that takes from it. It holds each command once, so
/// it is bounded, and taking a command late does no harm.
#[derive(Clone, Debug, Default)]
pub struct Commands {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    pending: Mutex<VecDeque<Command>>,
    wake: Notify,
}

impl Commands {
    /// Waits for a command and takes it. Cancel-safe.
    pub async fn next(&self) -> Command {
        loop {
            if let Some(command) = self.try_next() {
                return command;
            }
            self.shared.wake.notified().await;
        }
    }

    /// Takes a command if there is one.
    #[must_use]
    pub fn try_next(&self) -> Option<Command> {
        self.pending().pop_front()
    }

    /// Adds `command`, and takes back what it makes void.
    pub(crate) fn push(&self, command: Command) {
        let mut pending = self.pending();
        match command {
            Command::Vetted | Command::KeyFrame(_) => {}
            Command::Start(mount) => pending.retain(|other| *other != Command::Stop(mount)),
            Command::Stop(mount) => pending
                .retain(|other| ![Command::Start(mount), Command::KeyFrame(mount)].contains(other)),
        }
        if !pending.contains(&command) {
            pending.push_back(command);
        }
        drop(pending);
        self.shared.wake.notify_one();
    }

    /// Forgets what was meant for a worker that has ended.
    pub(crate) fn clear(&self) {
        self.pending().clear();
    }

    fn pending(&self) -> MutexGuard<'_, VecDeque<Command>> {
        self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_encode_link::MountKind::{Main, Sub};

    use super::*;

    fn all(commands: &Commands) -> Vec<Command> {
        std::iter::from_fn(|| commands.try_next()).collect()
    }

    #[test]
    fn commands_come_in_order_and_once() {
        let commands = Commands::default();
        for command in [
            Command::Start(Main),
            Command::KeyFrame(Main),
            Command::KeyFrame(Sub),
            Command::KeyFrame(Main),
        ] {
            commands.push(command);
        }
        let expected = [Command::Start(Main), Command::KeyFrame(Main), Command::KeyFrame(Sub)];
        assert_eq!(all(&commands), expected);
        assert_eq!(all(&commands), []);
    }

    #[test]
    fn start_and_stop_take_each_other_back() {
        let commands = Commands::default();
        commands.push(Command::Start(Sub));
        commands.push(Command::KeyFrame(Sub));
        commands.push(Command::Stop(Sub));
        assert_eq!(all(&commands), [Command::Stop(Sub)]);
        commands.push(Command::Stop(Sub));
        commands.push(Command::Start(Sub));
        assert_eq!(all(&commands), [Command::Start(Sub)]);
    }

    #[tokio::test]
    async fn a_waiting_task_is_woken() {
        let commands = Commands::default();
        let taker = commands.clone();
        let task = tokio::spawn(async move { (taker.next().await, taker.next().await) });
        tokio::task::yield_now().await;
        commands.push(Command::KeyFrame(Main));
        commands.push(Command::Start(Sub));
        assert_eq!(task.await.unwrap(), (Command::KeyFrame(Main), Command::Start(Sub)));
    }
}
