//! The top of the live core: an actor without user input above the registry and the rooms.

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::registry_actor::{Args, RegistryActor};

/// Restarts the registry when it breaks. Rooms that die tell it themselves, by what they drop.
pub(crate) struct Supervisor;

#[derive(Debug)]
pub(crate) struct State {
    args: Args,
    registry: ActorId,
}

/// Nobody tells the supervisor anything but its children's ends.
#[derive(Debug)]
pub(crate) enum Never {}

async fn spawn_registry(myself: &ActorRef<Never>, args: &Args) -> Result<ActorId, ActorProcessingErr> {
    let (registry, _) = Actor::spawn_linked(None, RegistryActor, args.clone(), myself.get_cell()).await?;
    Ok(registry.get_id())
}

impl Actor for Supervisor {
    type Msg = Never;
    type State = State;
    type Arguments = Box<dyn FnOnce(ractor::ActorCell) -> Args + Send>;

    async fn pre_start(
        &self,
        myself: ActorRef<Never>,
        args: Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let args = args(myself.get_cell());
        let registry = spawn_registry(&myself, &args).await?;
        Ok(State { args, registry })
    }

    /// The default would end the supervisor, and with it all rooms, when one of them ends.
    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Never>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let (SupervisionEvent::ActorFailed(cell, _) | SupervisionEvent::ActorTerminated(cell, ..)) = event
        else {
            return Ok(());
        };
        if cell.get_id() == state.registry {
            tracing::error!("the registry died and is restarted");
            state.registry = spawn_registry(&myself, &state.args).await?;
        }
        Ok(())
    }
}
