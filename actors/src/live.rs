//! The front of the live core: what REST and the WebSocket upgrade call.

mod cluster;
#[cfg(feature = "fault-injection")]
mod faults;
mod hand_over;
mod located;
mod logs;
mod media;
mod missed;
mod notices;
mod open;
mod recorders;

use std::{
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use ractor::{Actor, ActorRef, rpc::CallResult};

use crate::{
    access_revision::{AccessRevisions, AsOf},
    cluster::{ClusterError, ClusterSettings},
    ids::{BreakoutRoomId, RoomId, TokenHash, UserId},
    journal::folder::{Folder, FolderError, Journals},
    livekit::Livekit,
    ports::{BoxFuture, Ports, Unavailable},
    protocol::{
        codes::CloseCode,
        limits::REATTACH_SECS,
        meeting::{Caller, Identity, MeetingFacts},
    },
    registry::{Beginner, Found, Founder, RegistrySummary, RoomHandle as _, Rooms},
    registry_actor::{Args, RegistryMsg, RegistryRef},
    room::{
        RoomSettings,
        access::Origin,
        input::{SeatTaken, Start, StartOutcome},
    },
    room_actor::{RoomMsg, RoomRef, RoomSummary},
    session::{self, Finder, Places, RateLimits, RedeemedTicket, Socket},
    shell::Redeemed,
    supervisor::{Never, Supervisor},
    ticket::{self, SECRET_CHARS},
};

use self::{cluster::Membership, located::Located, logs::Logs, open::OpenSessions};

/// A call into the core that takes longer than this has met a room that is stuck.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Time for a node that stops to give its rooms to others.
const HAND_OVER_AT_STOP: Duration = Duration::from_secs(3);

/// Wait before a room that did not answer is looked for again.
const RETRY: Duration = Duration::from_millis(50);

/// How the live core works.
#[derive(Debug, Clone, Default)]
pub struct LiveSettings {
    pub rooms: RoomSettings,
    pub rates: RateLimits,
    pub journal: JournalMode,
    /// Where LiveKit is, and the key that signs for it.
    pub livekit: Arc<Livekit>,
    /// Rooms of one owner that may live at the same time, unless the tariff says otherwise; 0: any number.
    pub living_rooms_max: usize,
}

/// Where journals lie.
#[derive(Debug, Clone, Default)]
pub enum JournalMode {
    #[default]
    Memory,
    Files {
        folder: PathBuf,
        /// Wait for the disk after each batch.
        fsync: bool,
        /// Older journals are not revived.
        age_max: Duration,
    },
    /// In the store that several nodes have in common.
    Cluster(ClusterSettings),
}

/// A room as the database describes it, for a `start` that may begin its meeting.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Absent for a participant whose resumption token alone speaks for it: then the token must still be good.
    pub identity: Option<Identity>,
    pub facts: Box<MeetingFacts>,
    /// Rooms of the owner that may live at the same time, as its tariff has it; 0 is any number, none what the server says.
    pub living_rooms_max: Option<usize>,
}

/// What a `start` asks for.
#[derive(Debug, Clone)]
pub struct StartRequest {
    pub room: RoomId,
    pub caller: Caller,
    pub resumption: Option<String>,
    pub breakout_room: Option<BreakoutRoomId>,
    /// Where the request comes from; absent for services, which ask for others.
    pub origin: Option<Origin>,
    /// The user whom a guest is signed in as, if that is known: a banned one must not come in by a link.
    pub signed_in: Option<UserId>,
    /// [`Live::access_revision`] before anything was read for the admission.
    pub as_of: AsOf,
}

/// The secrets that a `start` answers with.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    pub ticket: String,
    pub resumption: String,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Issued(..)")
    }
}

/// Why a `start` was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The resumption token speaks for nobody here: the database must be asked.
    #[error("the caller is not known to the meeting")]
    NeedsAdmission,
    #[error("no breakout rooms are running")]
    NoBreakoutRooms,
    /// The room's owner has as many rooms in use as may be.
    #[error("the owner has too many living rooms")]
    TooManyRooms,
    /// A moderator has banned the user.
    #[error("the user is banned from the meeting")]
    Banned,
    /// Somebody lost access since the database was asked: it must be asked again.
    #[error("the admission is outdated")]
    Outdated,
    /// Not at this moment; a retry will do.
    #[error("the room can't be served at this moment")]
    Unavailable,
}

/// Why a ticket was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ticket is unknown, expired or was redeemed")]
pub struct InvalidTicket;

/// Why the live core did not start.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("the list of journals can't be read: {0}")]
    Index(#[source] std::io::Error),
    #[error("the supervisor did not start: {0}")]
    Spawn(#[from] ractor::SpawnErr),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// The running core, cheap to clone.
#[derive(Debug, Clone)]
pub struct Live {
    rooms: Rooms<RoomRef>,
    registry: RegistryRef,
    revisions: AccessRevisions,
    supervisor: ActorRef<Never>,
    ports: Ports,
    rates: RateLimits,
    /// None while journals are kept in memory. Not held: whoever stops lets the folder go.
    folder: Option<Weak<Folder>>,
    living_rooms_max: usize,
    cluster: Option<Membership>,
    open: OpenSessions,
}

impl Live {
    /// Starts supervisor and registry, and revives the rooms of an earlier process in the background.
    pub async fn start(settings: LiveSettings, ports: Ports) -> Result<Self, LiveError> {
        let Logs {
            folder,
            revive,
            cluster,
        } = Logs::open(settings.journal, &ports).await?;
        let args_folder = folder.clone();
        let rooms = Rooms::new(revive);
        let registry = RegistryRef::default();
        let (args_rooms, args_ports, myself) = (rooms.clone(), ports.clone(), registry.clone());
        let revisions = AccessRevisions::default();
        let args_revisions = revisions.clone();
        let args_cluster = cluster.as_ref().map(|(cluster, _)| cluster.clone());
        let args = Box::new(move |supervisor| Args {
            rooms: args_rooms,
            threads: args_folder
                .as_ref()
                .map(|folder| Arc::clone(folder.threads()))
                .unwrap_or_default(),
            folder: args_folder,
            cluster: args_cluster,
            settings: settings.rooms,
            livekit: settings.livekit,
            revisions: args_revisions,
            ports: args_ports,
            supervisor,
            myself,
        });
        let (supervisor, _) = Actor::spawn(None, Supervisor, args).await?;
        let mut this = Self {
            rooms,
            registry,
            revisions,
            supervisor,
            ports,
            rates: settings.rates,
            folder: folder.as_ref().map(Arc::downgrade),
            living_rooms_max: settings.living_rooms_max,
            cluster: None,
            open: OpenSessions::default(),
        };
        if let Some((cluster, listener)) = cluster {
            this.take_part(cluster, listener);
        }
        Ok(this)
    }

    /// Which accesses are withdrawn by now: to be asked before what an admission is made of is read.
    #[must_use]
    pub fn access_revision(&self) -> AsOf {
        self.revisions.now()
    }

    /// Issues a ticket: by the resumption token alone, or with what the database says.
    pub async fn issue(
        &self,
        request: &StartRequest,
        admission: Option<&Admission>,
    ) -> Result<Issued, StartError> {
        // A room may be just ending, or its meeting may have been dropped: it is asked again, with the facts.
        let mut with_facts = false;
        for _ in 0..3 {
            let begin = admission.map(|admission| self.beginner(request, admission));
            let Some(room) = self.locate(request.room, begin).await? else {
                return Err(StartError::NeedsAdmission);
            };
            if !room.has_room_for_input() {
                return Err(StartError::Unavailable);
            }
            match self.call_start(&room, request, admission, with_facts).await {
                Some((StartOutcome::Issued(_), issued)) => return Ok(issued),
                Some((StartOutcome::NeedsFacts, _)) if admission.is_some() => with_facts = true,
                Some((StartOutcome::NeedsIdentity | StartOutcome::NeedsFacts, _)) => {
                    return Err(StartError::NeedsAdmission);
                }
                Some((StartOutcome::NoBreakoutRooms, _)) => return Err(StartError::NoBreakoutRooms),
                Some((StartOutcome::Banned, _)) => return Err(StartError::Banned),
                Some((StartOutcome::Outdated, _)) => return Err(StartError::Outdated),
                Some((StartOutcome::Unavailable, _)) => return Err(StartError::Unavailable),
                // It is just ending, or died: in a moment there is another one.
                None => tokio::time::sleep(RETRY).await,
            }
        }
        Err(StartError::Unavailable)
    }

    /// Whether the resumption token speaks for this caller, also after its meeting was dropped.
    pub async fn knows(&self, request: &StartRequest) -> bool {
        let (Some(token), Ok(Some(room))) = (&request.resumption, self.locate(request.room, None).await)
        else {
            return false;
        };
        room.knows(TokenHash::of(token), request.caller).await
    }

    async fn call_start(
        &self,
        room: &Located,
        request: &StartRequest,
        admission: Option<&Admission>,
        with_facts: bool,
    ) -> Option<(StartOutcome, Issued)> {
        let random = &*self.ports.random;
        let issued = Issued {
            ticket: ticket::make(request.room, random),
            resumption: random.secret(SECRET_CHARS),
        };
        let start = Box::new(Start {
            caller: request.caller,
            identity: admission.and_then(|admission| admission.identity.clone()),
            facts: admission
                .filter(|_| with_facts)
                .map(|admission| admission.facts.clone()),
            resumption: request.resumption.as_deref().map(TokenHash::of),
            token: TokenHash::of(&issued.resumption),
            ticket: Some(TokenHash::of(&issued.ticket)),
            breakout_room: request.breakout_room,
            origin: request.origin,
            signed_in: request.signed_in,
        });
        let as_of = admission.map(|_| request.as_of);
        Some((room.start(start, as_of).await?, issued))
    }

    /// For whom a room may begin.
    fn beginner(&self, request: &StartRequest, admission: &Admission) -> Beginner {
        let facts = &admission.facts;
        let counted = request.origin.is_none_or(|origin| origin.counted);
        let is_owner =
            matches!((request.caller, facts.owner), (Caller::User(user), Some(owner)) if user == owner);
        let by = match request.origin {
            _ if is_owner => Founder::Owner,
            Some(origin) => Founder::Network(origin.network),
            None => Founder::Unknown,
        };
        Beginner {
            owner: facts.owner,
            living_max: admission.living_rooms_max.unwrap_or(self.living_rooms_max),
            counted,
            by,
        }
    }

    /// A room of this node.
    async fn find(&self, id: RoomId, begin: Option<Beginner>) -> Found<RoomRef> {
        if let Some(room) = self.rooms.living(id) {
            return Found::Room(room);
        }
        let Some(registry) = self.registry.get() else {
            return Found::Unavailable;
        };
        let get = |reply| RegistryMsg::Get { id, begin, reply };
        match registry.call(get, Some(CALL_TIMEOUT)).await {
            Ok(CallResult::Success(found)) => found,
            _ => Found::Unavailable,
        }
    }

    /// Redeems a ticket, once. The seat must be taken by [`Live::begin_session`], or it is simply not taken.
    pub async fn redeem(&self, ticket: &str) -> Result<(RedeemedTicket, Caller), InvalidTicket> {
        let id = ticket::room_of(ticket).ok_or(InvalidTicket)?;
        let hash = TokenHash::of(ticket);
        let (room, redeemed) = self.find_seat(id, hash).await.ok_or(InvalidTicket)?;
        let Redeemed {
            grant,
            caller,
            session,
        } = redeemed;
        let taken = SeatTaken {
            grant,
            ticket: Some(hash),
            session,
            resume_from: None,
            origin: None,
        };
        let seat = RedeemedTicket {
            room: room.mailbox(),
            taken,
            caller,
        };
        Ok((seat, caller))
    }

    /// A room that thinks about its end, or that is being revived, is waited for.
    async fn find_seat(&self, id: RoomId, ticket: TokenHash) -> Option<(Located, Redeemed)> {
        for _ in 0..3 {
            let room = self.locate(id, None).await.ok().flatten()?;
            match room.redeem(ticket).await {
                Some(redeemed) => return Some((room, redeemed?)),
                None => tokio::time::sleep(RETRY).await,
            }
        }
        None
    }

    /// Begins a session on its upgraded stream.
    pub async fn begin_session<S: Socket>(&self, seat: RedeemedTicket, stream: S, places: Places) {
        let finder = Arc::new(self.clone());
        let places = Places {
            while_open: Box::new((places.while_open, self.open.add())),
            ..places
        };
        session::begin(seat, stream, self.rates, (&self.ports, finder), places).await;
    }

    /// Whose room it is, if it lives and has had a meeting; asks nobody.
    #[must_use]
    pub fn owner_of(&self, room: RoomId) -> Option<UserId> {
        self.rooms.living(room)?.owner()
    }

    /// What a room looks like, if it lives.
    pub async fn observe(&self, room: RoomId) -> Option<RoomSummary> {
        let room = self.rooms.living(room)?;
        match room.actor().call(RoomMsg::Observe, Some(CALL_TIMEOUT)).await {
            Ok(CallResult::Success(summary)) => Some(summary),
            _ => None,
        }
    }

    /// What the registry looks like, unless it is stuck.
    pub async fn observe_registry(&self) -> Option<RegistrySummary> {
        match self
            .registry
            .get()?
            .call(RegistryMsg::Observe, Some(CALL_TIMEOUT))
            .await
        {
            Ok(CallResult::Success(summary)) => Some(summary),
            _ => None,
        }
    }

    /// Whether journals can be written. It is tried while a room lives in memory because they could not.
    pub async fn journals(&self) -> Journals {
        let Some(folder) = self.folder.as_ref().and_then(Weak::upgrade) else {
            return Journals::Whole;
        };
        if !self.rooms.all().iter().any(RoomRef::disk_failed) {
            return Journals::Whole;
        }
        let probe = tokio::task::spawn_blocking(move || folder.probe());
        match tokio::time::timeout(CALL_TIMEOUT, probe).await {
            Ok(Ok(Ok(()))) => Journals::Lacking,
            _ => Journals::Failing,
        }
    }

    /// Journals can be written again: rooms that live in memory get theirs now, not at their next sweep.
    pub fn disk_is_back(&self) {
        for room in self.rooms.all() {
            room.sweep();
        }
    }

    /// No room begins from now on; those that live go on, and journals are still revived.
    pub fn drain(&self) {
        self.rooms.drain();
    }

    /// Sockets that are open here, wherever their rooms are.
    #[must_use]
    pub fn open_sessions(&self) -> usize {
        self.open.count()
    }

    /// Whether no room lives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Stops: no new rooms, a snapshot of each, every socket is closed with 1001.
    pub async fn stop(&self) {
        self.hand_over(HAND_OVER_AT_STOP).await;
        if let Some(cluster) = self.cluster() {
            cluster.close_sessions(CloseCode::GoingAway);
        }
        if let Some(registry) = self.registry.get() {
            let _ = registry.call(RegistryMsg::Stop, Some(2 * CALL_TIMEOUT)).await;
        }
        self.leave().await;
        self.supervisor.stop(None);
    }
}

impl Finder for Live {
    fn find(
        &self,
        room: RoomId,
    ) -> BoxFuture<'static, Result<Option<Arc<dyn session::Mailbox>>, Unavailable>> {
        let this = self.clone();
        Box::pin(async move {
            let found = this.locate(room, None).await.map_err(|_| Unavailable)?;
            Ok(found.as_ref().map(Located::mailbox))
        })
    }

    fn patience(&self) -> Duration {
        let takes_over = self.cluster().map(|cluster| cluster.members().lease() * 2);
        Duration::from_secs(REATTACH_SECS) + takes_over.unwrap_or_default()
    }
}
