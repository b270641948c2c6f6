//! What a store of jobs promises, asked of SQLite, and of a real PostgreSQL where there is one.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]
#![cfg(unix)]

mod support;

use std::{collections::BTreeSet, sync::Mutex, thread, time::Duration};

use server::{
    Order, ServerError, VideoId,
    jobs::{
        Advance, Claimant, Database, Failure, JobStore, KeyStore, Lease, NewJob, Outbox, Page, PageOrder,
        PostgresStore, SqlStore, SqliteStore, Status,
    },
    keys::StoredKey,
    order::OrderTask,
};
use support::services::{PostgresServer, installed};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(1);
const MANY: u64 = 1000;

fn new_job(owner: &str) -> NewJob {
    let prompt = "a red ball; it's 100 % \"round\" ?1 :now";
    let order = Order { size: Some([64, 64]), num_frames: Some(9), ..Order::new(OrderTask::Imagine, prompt, u64::MAX) };
    NewJob {
        id: VideoId::random(),
        owner: owner.into(),
        model: "nano".into(),
        size: "64x64".into(),
        seconds: "0.5".into(),
        remixed_from: None,
        order,
        priority: 0,
        idempotency: None,
        daily_quota: None,
    }
}

fn claimant(name: &str) -> Claimant {
    Claimant { name: name.into(), model: "nano".into() }
}

/// Each part begins without jobs that wait.
fn keeps_its_promises<D: Database>(store: &SqlStore<D>) {
    store.listen(LONG).unwrap();
    jobs_go_their_way(store);
    a_lost_lease_changes_nothing(store);
    many_workers_share_many_jobs(store);
    requests_are_taken_once(store);
    keys_are_kept(store);
}

fn jobs_go_their_way<D: Database>(store: &SqlStore<D>) {
    assert!(store.claim(&claimant("a"), LONG, 8).unwrap().is_none());
    let (first, mut urgent) = (new_job("one"), new_job("one"));
    urgent.priority = 5;
    urgent.remixed_from = Some(first.id.clone());
    let taken = store.add(&first, MANY).unwrap();
    store.add(&urgent, MANY).unwrap();
    assert_eq!((taken.status, &taken.order, taken.attempt), (Status::Queued, &first.order, 0));
    assert_eq!((store.position(&first.id).unwrap(), store.position(&urgent.id).unwrap()), (Some(1), Some(0)));
    assert!(store.get(&first.id, "two").unwrap().is_none());

    let other_model = Claimant { name: "b".into(), model: "other".into() };
    assert!(store.claim(&other_model, LONG, 8).unwrap().is_none());
    let job = store.claim(&claimant("a"), LONG, 8).unwrap().unwrap();
    assert_eq!(
        (&job.id, job.status, job.attempt, &job.remixed_from),
        (&urgent.id, Status::InProgress, 1, &urgent.remixed_from)
    );
    let lease = Lease { id: job.id, worker: "a".into(), attempt: 1 };
    let advance = Advance { progress: 40, phase: "sampling", done: 4, total: 10 };
    assert!(store.renew(&lease, LONG, advance).unwrap());
    assert!(store.renew(&lease, LONG, Advance { progress: 0, ..advance }).unwrap());
    assert_eq!(store.get(&lease.id, "one").unwrap().unwrap().advance, advance, "it went back");
    assert!(store.complete(&lease).unwrap());
    assert!(store.complete(&lease).unwrap(), "whoever did not hear the answer asks again");
    assert!(!store.renew(&lease, LONG, advance).unwrap() && !store.give_back(&lease).unwrap());
    let done = store.get(&lease.id, "one").unwrap().unwrap();
    assert_eq!((done.status, done.advance.progress), (Status::Completed, 100));
    assert!(done.completed_at.unwrap() >= done.created_at && done.created_at > 1_700_000_000);

    let cancelled = store.cancel(&first.id, "one").unwrap().unwrap();
    assert_eq!((cancelled.status, cancelled.failure.unwrap().code.as_str()), (Status::Failed, "cancelled"));
    assert!(store.cancel(&first.id, "two").unwrap().is_none());
    let page = |after, order, limit| Page { owner: "one".into(), after, limit, order };
    let ids = |page: Page| store.list(&page).unwrap().unwrap().into_iter().map(|job| job.id).collect::<Vec<_>>();
    assert_eq!(ids(page(None, PageOrder::Ascending, 9)), [first.id.clone(), urgent.id.clone()]);
    assert_eq!(ids(page(None, PageOrder::Descending, 1)), [urgent.id.clone()]);
    assert_eq!(ids(page(Some(urgent.id.clone()), PageOrder::Descending, 9)), std::slice::from_ref(&first.id));
    assert!(store.list(&page(Some(VideoId::random()), PageOrder::Ascending, 9)).unwrap().is_none());
    assert_eq!(store.counts().unwrap().iter().map(|(_, count)| *count).collect::<Vec<_>>(), [0, 0, 1, 1]);

    let told: Vec<_> = std::iter::from_fn(|| store.due().unwrap()).collect();
    let of = |notice: &server::jobs::Notice| (notice.kind.clone(), notice.video.clone());
    assert_eq!(
        told.iter().map(of).collect::<Vec<_>>(),
        [("video.completed".into(), urgent.id.clone()), ("video.failed".into(), first.id.clone())]
    );
    store.told(&told[0].id).unwrap();
    store.not_told(&told[1].id, Duration::ZERO).unwrap();
    let again = store.due().unwrap().unwrap();
    assert_eq!((&again.id, again.attempts), (&told[1].id, 1));
    store.told(&again.id).unwrap();
    for id in [&first.id, &urgent.id] {
        assert!(!store.remove(id, "two").unwrap() && store.exists(id).unwrap());
        assert!(store.remove(id, "one").unwrap() && !store.exists(id).unwrap());
    }
}

fn a_lost_lease_changes_nothing<D: Database>(store: &SqlStore<D>) {
    let new = new_job("one");
    store.add(&new, MANY).unwrap();
    let lease = |worker: &str, attempt| Lease { id: new.id.clone(), worker: worker.into(), attempt };
    store.claim(&claimant("dead"), SHORT, 8).unwrap().unwrap();
    thread::sleep(10 * SHORT);
    let job = store.claim(&claimant("alive"), LONG, 8).unwrap().unwrap();
    assert_eq!((job.attempt, job.advance), (2, Advance::default()));
    let failure = Failure::new("generation_failed", "it's no use");
    assert!(!store.renew(&lease("dead", 1), LONG, Advance::default()).unwrap());
    assert!(!store.complete(&lease("dead", 1)).unwrap() && !store.fail(&lease("dead", 1), &failure).unwrap());
    assert!(!store.complete(&lease("alive", 1)).unwrap() && !store.complete(&lease("dead", 2)).unwrap());
    assert!(store.give_back(&lease("alive", 2)).unwrap());
    store.claim(&claimant("alive"), LONG, 8).unwrap().unwrap();
    assert!(store.fail(&lease("alive", 3), &failure).unwrap() && store.fail(&lease("alive", 3), &failure).unwrap());
    assert!(!store.complete(&lease("alive", 3)).unwrap());
    assert_eq!(store.get(&new.id, "one").unwrap().unwrap().failure, Some(failure));

    let hopeless = new_job("one");
    store.add(&hopeless, MANY).unwrap();
    for attempt in 1..=2 {
        assert_eq!(store.claim(&claimant("dying"), SHORT, 1).unwrap().unwrap().attempt, attempt);
        thread::sleep(10 * SHORT);
    }
    assert!(store.claim(&claimant("alive"), LONG, 1).unwrap().is_none());
    let given_up = store.get(&hopeless.id, "one").unwrap().unwrap();
    assert_eq!(given_up.failure.unwrap().code, "worker_lost");
    // Whatever ends all leases lets others have the jobs at once.
    let ended = new_job("one");
    store.add(&ended, MANY).unwrap();
    store.claim(&claimant("gone"), LONG, 8).unwrap().unwrap();
    assert!(store.claim(&claimant("alive"), LONG, 8).unwrap().is_none());
    store.end_leases().unwrap();
    assert_eq!(store.claim(&claimant("alive"), LONG, 8).unwrap().unwrap().attempt, 2);
    assert!(store.complete(&Lease { id: ended.id, worker: "alive".into(), attempt: 2 }).unwrap());
}

fn many_workers_share_many_jobs<D: Database>(store: &SqlStore<D>) {
    const JOBS: usize = 60;
    let claimed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for caller in 0..4 {
            scope.spawn(move || {
                (0..JOBS / 4).for_each(|_| drop(store.add(&new_job(&format!("c{caller}")), MANY).unwrap()))
            });
        }
        for worker in 0..6 {
            let claimed = &claimed;
            scope.spawn(move || {
                let claimant = claimant(&format!("w{worker}"));
                while claimed.lock().unwrap().len() < JOBS {
                    // Every fifth is lost at once, and begun anew by whoever comes.
                    let Some(job) = store.claim(&claimant, LONG, 8).unwrap() else { continue };
                    let lease = Lease { id: job.id, worker: claimant.name.clone(), attempt: job.attempt };
                    if job.attempt == 1 && worker == 0 {
                        assert!(store.renew(&lease, Duration::ZERO, Advance::default()).unwrap());
                    } else {
                        assert!(store.complete(&lease).unwrap(), "somebody else had it");
                        claimed.lock().unwrap().push(lease.id);
                    }
                }
            });
        }
    });
    let claimed = claimed.into_inner().unwrap();
    assert_eq!(claimed.iter().collect::<BTreeSet<_>>().len(), JOBS);
    assert_eq!(claimed.len(), JOBS, "a job was done twice");
}

fn requests_are_taken_once<D: Database>(store: &SqlStore<D>) {
    let request = ("key".to_owned(), "print".to_owned());
    let new = || NewJob { idempotency: Some(request.clone()), ..new_job("same") };
    let ids: BTreeSet<VideoId> = thread::scope(|scope| {
        let adding: Vec<_> = (0..6).map(|_| scope.spawn(|| store.add(&new(), MANY).unwrap().id)).collect();
        adding.into_iter().map(|adding| adding.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 1, "the same request is one job");
    assert_eq!(store.taken_before("same", &request).unwrap().unwrap().id, *ids.first().unwrap());
    let other = ("key".to_owned(), "other".to_owned());
    assert!(matches!(store.taken_before("same", &other), Err(ServerError::KeyReused)));
    assert!(store.taken_before("else", &other).unwrap().is_none());

    let limited = || NewJob { daily_quota: Some(2), ..new_job("limited") };
    let taken = thread::scope(|scope| {
        let adding: Vec<_> = (0..6).map(|_| scope.spawn(|| store.add(&limited(), MANY))).collect();
        adding.into_iter().map(|adding| adding.join().unwrap()).filter(Result::is_ok).count()
    });
    assert_eq!(taken, 2);
    assert!(matches!(store.add(&limited(), MANY), Err(ServerError::QuotaUsed { limit: 2 })));
    assert!(matches!(store.add(&new_job("one"), 3), Err(ServerError::QueueFull { limit: 3 })));
    while store.claim(&claimant("a"), LONG, 8).unwrap().is_some() {}
}

fn keys_are_kept<D: Database>(store: &SqlStore<D>) {
    let key = |name: &str, byte| StoredKey {
        id: format!("key_{byte}"),
        name: name.into(),
        hash: [byte; 32],
        created_at: 5,
        requests_per_minute: 60,
        videos_per_day: (byte > 1).then_some(7),
    };
    let (first, second) = (key("studio", 1), key("app", 255));
    store.add_key(&first).unwrap();
    store.add_key(&second).unwrap();
    assert!(matches!(store.add_key(&key("app", 9)), Err(ServerError::Key(_))));
    assert_eq!(store.keys().unwrap(), [second.clone(), first.clone()]);
    assert_eq!((store.key(&[255; 32]).unwrap(), store.key(&[9; 32]).unwrap()), (Some(second), None));
    assert!(store.revoke_key("app").unwrap() && !store.revoke_key("app").unwrap());
}

#[test]
fn sqlite_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("jobs.sqlite3")).unwrap();
    keeps_its_promises(&store);
    drop(store);
    SqliteStore::open(&folder.path().join("jobs.sqlite3")).unwrap();
}

#[test]
fn postgres_keeps_its_promises() {
    let Some((programs, _)) = installed("the promises of a PostgreSQL store") else { return };
    let server = PostgresServer::start(&programs);
    // Many that begin at once make the tables once.
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| PostgresStore::open(&server.url()).unwrap());
        }
    });
    let store = PostgresStore::open(&server.url()).unwrap();
    keeps_its_promises(&store);
    server.stop();
    let away = store.counts().unwrap_err().to_string();
    assert!(away.starts_with("the database failed: "), "{away}");
    server.again();
    assert!(store.counts().unwrap().iter().any(|(_, count)| *count > 0));
    server.say("UPDATE misora.schema_version SET version = 99");
    assert!(matches!(PostgresStore::open(&server.url()), Err(ServerError::LaterVersion { found: 99, .. })));
}
