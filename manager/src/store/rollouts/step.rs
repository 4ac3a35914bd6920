//! How a rollout goes on by itself: what [`decide`] says is done here, a transaction a step, each with a limit. What costs
//! something for each device is done for those that change, and never because a device asked.

use jiff::{SignedDuration, Timestamp};
use platen_protocol::identity::{AttemptId, DeviceId};

use super::super::engine::{Connection, values};
use super::super::records::{MAX_OFFERS, id, time, word};
use super::super::statements::{programs, rollouts as statements};
use super::super::writer::WriteContext;
use super::super::{Scope, Store, StoreError, from_json};
use super::create::{holds, known};
use super::lists::count;
use super::records::{DeviceStanding, RolloutId, RolloutRecord, RolloutState, RolloutWhat};
use super::take_back::{TAKEN_BACK_AT_ONCE, take_back_unfetched};
use super::told::note;
use crate::rollouts::decide::{Counts, Decision, Standing, decide};
use crate::rollouts::fit::{Fit, Program, fit};
use crate::rollouts::plan::Plan;

/// A device that has too much on offer is looked at again after this.
const PUT_OFF_FOR: SignedDuration = SignedDuration::from_mins(5);
/// Why a device waits again that was offered the program, and said nothing of what is in the way.
const NOT_FETCHED: &str = "it did not fetch it in time, and is offered it again later";
/// Why a device waits whose window is not open.
const SHUT: &str = "its window is shut";
/// Decisions in one step: a wave that ends, the next, and what is offered; the rest is the next step's.
const DECISIONS_AT_ONCE: usize = 8;

/// A device that waits and may be offered the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its place in the rollout.
    pub key: i64,
    /// Which device.
    pub device: DeviceId,
}

/// A device at which nothing has happened for too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// Its place in the rollout.
    pub key: i64,
    /// Which device.
    pub device: DeviceId,
    /// How it stands.
    pub state: DeviceStanding,
    /// Of one that has kept the program: it must have been heard of since then.
    pub heard_since: Timestamp,
    /// The rollout.
    pub rollout: RolloutId,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stepped {
    /// The rollout.
    pub rollout: RolloutId,
    /// Devices to which the program is offered now.
    pub offered: Vec<DeviceId>,
    /// Devices of which something else changed.
    pub changed: Vec<DeviceId>,
    /// The words with which the rollout has changed, if it has.
    pub news: Vec<(RolloutWhat, String)>,
    /// Whether there is more to do at once.
    pub more: bool,
}

/// What a rollout wants next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wants {
    /// The wave up to which devices may be offered the program.
    pub wave: usize,
    /// So many of them; none where it wants something else.
    pub offers: u64,
    /// Its devices by how they stand.
    pub counts: Counts,
}

impl Store {
    /// Rollouts that somebody has to look after, by their keys.
    pub async fn live_rollouts(&self) -> Result<Vec<i64>, StoreError> {
        self.readers
            .clone()
            .read(|connection| connection.all(statements::LIVE, values![], |row| row.get(0)))
            .await
    }

    /// How many offers a rollout wants to make.
    pub async fn rollout_wants(&self, rollout: i64, now: Timestamp) -> Result<Wants, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let found = connection.one(statements::ROLLOUT, values![rollout], RolloutRecord::from_row)?;
                let Some(mut record) = found else { return Ok(Wants::default()) };
                count(connection, &Scope::All, &mut record)?;
                let (wave, counts) = (record.wave, record.counts());
                let decision = decide(&record.plan, &standing(&record), now);
                Ok(match decision {
                    Decision::Offer(offers) if record.state == RolloutState::Running => {
                        Wants { wave, offers, counts }
                    }
                    _ => Wants { wave, offers: 0, counts },
                })
            })
            .await
    }

    /// Devices of a rollout that wait and may be offered the program, those behind `after`.
    pub async fn rollout_candidates(
        &self,
        rollout: i64,
        wave: usize,
        (after, limit): (i64, u32),
        now: Timestamp,
    ) -> Result<Vec<Candidate>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let wave = i64::try_from(wave).unwrap_or(i64::MAX);
                let at = now.as_millisecond();
                let row = values![rollout, wave, at, after, limit];
                connection.all(statements::CANDIDATES, row, |row| {
                    Ok(Candidate { key: row.get(0)?, device: id("device", row.get(1)?)? })
                })
            })
            .await
    }

    /// Goes on with a rollout as far as can be now. Of these devices as many are offered the program as may be, each by the
    /// attempt of that name.
    pub async fn step_rollout(
        &self,
        rollout: i64,
        candidates: Vec<(i64, AttemptId)>,
        now: Timestamp,
    ) -> Result<Option<Stepped>, StoreError> {
        let on_offer = self.on_offer.clone();
        let act = move |context: &mut WriteContext<'_>| step(context.connection, rollout, &candidates, now);
        let then = move |stepped: &Option<Stepped>| {
            let devices = stepped.iter().flat_map(|stepped| stepped.offered.iter().chain(&stepped.changed));
            devices.for_each(|device| on_offer.changed(device));
        };
        self.writer.write_then(act, then).await
    }

    /// Devices at which nothing has happened for too long, the longest first.
    pub async fn overdue_rollout_devices(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Overdue>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                connection.all(statements::OVERDUE, values![now.as_millisecond(), limit], |row| {
                    let silent_after = SignedDuration::from_millis(row.get(6)?);
                    Ok(Overdue {
                        key: row.get(0)?,
                        device: id("device", row.get(1)?)?,
                        state: word("state of a device of a rollout", row.get(2)?)?,
                        heard_since: time(row, 3)? + silent_after / 2,
                        rollout: id("rollout", row.get(5)?)?,
                    })
                })
            })
            .await
    }

    /// Draws what follows of devices at which nothing has happened for too long; each with whether it was heard of. The
    /// devices of which something changed.
    pub async fn settle_overdue(
        &self,
        overdue: Vec<(i64, bool)>,
        now: Timestamp,
    ) -> Result<Vec<DeviceId>, StoreError> {
        let on_offer = self.on_offer.clone();
        let act = move |context: &mut WriteContext<'_>| {
            let mut changed = Vec::new();
            for (key, heard) in &overdue {
                changed.extend(settle(context.connection, *key, *heard, now)?);
            }
            Ok(changed)
        };
        let then = move |devices: &Vec<DeviceId>| devices.iter().for_each(|device| on_offer.changed(device));
        self.writer.write_then(act, then).await
    }
}

fn standing(record: &RolloutRecord) -> Standing {
    Standing {
        waves: record.waves.clone(),
        wave: record.wave,
        wave_ended: record.wave_ended,
        verdicts: record.verdicts,
    }
}

fn step(
    connection: &Connection,
    rollout: i64,
    candidates: &[(i64, AttemptId)],
    now: Timestamp,
) -> Result<Option<Stepped>, StoreError> {
    // Of PostgreSQL, so that no act of an operator comes between.
    let held = connection.text(statements::ROLLOUT, statements::ROLLOUT_HELD);
    let found = connection.one(held, values![rollout], RolloutRecord::from_row)?;
    let Some(mut record) = found else { return Ok(None) };
    let mut stepped = Stepped {
        rollout: record.id.clone(),
        offered: Vec::new(),
        changed: Vec::new(),
        news: Vec::new(),
        more: false,
    };
    match record.state {
        RolloutState::Running => go_on(connection, &mut record, candidates, &mut stepped, now)?,
        RolloutState::Paused | RolloutState::Halted | RolloutState::Cancelled => {
            stop_offering(connection, rollout, &mut stepped, now)?;
        }
        RolloutState::Making | RolloutState::Planned | RolloutState::Finished => {}
    }
    Ok(Some(stepped))
}

/// What nobody has fetched is taken back.
fn stop_offering(
    connection: &Connection,
    rollout: i64,
    stepped: &mut Stepped,
    now: Timestamp,
) -> Result<(), StoreError> {
    let gone = take_back_unfetched(connection, statements::UNFETCHED, rollout, now)?;
    stepped.more = gone.len() >= TAKEN_BACK_AT_ONCE as usize;
    stepped.changed.extend(gone);
    Ok(())
}

fn go_on(
    connection: &Connection,
    record: &mut RolloutRecord,
    candidates: &[(i64, AttemptId)],
    stepped: &mut Stepped,
    now: Timestamp,
) -> Result<(), StoreError> {
    give_way(connection, record, stepped, now)?;
    count(connection, &Scope::All, record)?;
    let (rollout, at) = (record.key, now.as_millisecond());
    let mut tell = |what: RolloutWhat, words: String| {
        note(connection, (rollout, None), (None, what), Some(&words), now)?;
        stepped.news.push((what, words));
        Ok::<(), StoreError>(())
    };
    for _ in 0..DECISIONS_AT_ONCE {
        match decide(&record.plan, &standing(record), now) {
            Decision::Nothing => return Ok(()),
            Decision::Halt(why) => {
                connection.execute(statements::SET_STATE, values![rollout, "halted", Some(&why), at])?;
                tell(RolloutWhat::Halted, why)?;
                return stop_offering(connection, rollout, stepped, now);
            }
            Decision::Finish => {
                connection.execute(statements::END, values![rollout, "finished", at])?;
                return tell(RolloutWhat::Finished, words(record, None));
            }
            Decision::EndWave => {
                connection.execute(statements::END_WAVE, values![rollout, at])?;
                tell(RolloutWhat::WaveEnded, words(record, Some(record.wave)))?;
                record.wave_ended = Some(now);
            }
            Decision::BeginWave => {
                connection.execute(statements::BEGIN_WAVE, values![rollout, at])?;
                record.wave += 1;
                record.wave_ended = None;
                tell(RolloutWhat::WaveBegan, words(record, Some(record.wave)))?;
            }
            Decision::Offer(most) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                return offer(connection, record, candidates, most, stepped, now);
            }
        }
    }
    stepped.more = true;
    Ok(())
}

/// How a wave stands, or all of it, for people.
fn words(record: &RolloutRecord, wave: Option<usize>) -> String {
    let counts =
        wave.map_or_else(|| record.counts(), |wave| record.waves.get(wave).copied().unwrap_or_default());
    let what = wave.map_or_else(|| "all".to_owned(), |wave| format!("wave {}", wave + 1));
    let failed = counts.failed + counts.silent;
    let left_out = counts.skipped + counts.held;
    format!("{what}: {} devices, {} kept it, {failed} failed, {left_out} left out", counts.all(), counts.kept)
}

/// What a later rollout of the same program replaces, and nobody has fetched, is taken back; it is left out when its turn
/// comes.
fn give_way(
    connection: &Connection,
    record: &RolloutRecord,
    stepped: &mut Stepped,
    now: Timestamp,
) -> Result<(), StoreError> {
    let name = record.name.as_str();
    if connection.exists(statements::HAS_NEWER, values![record.key, name])? {
        let gone = take_back_unfetched(connection, statements::SUPERSEDED, record.key, now)?;
        stepped.changed.extend(gone);
    }
    Ok(())
}

/// Offers the program to as many of these as may have it.
fn offer(
    connection: &Connection,
    record: &RolloutRecord,
    candidates: &[(i64, AttemptId)],
    most: usize,
    stepped: &mut Stepped,
    now: Timestamp,
) -> Result<(), StoreError> {
    let program = Program {
        name: record.name.to_string(),
        version: record.version.to_string(),
        hardware: record.hardware.clone(),
    };
    for (key, attempt) in candidates {
        if stepped.offered.len() >= most {
            break;
        }
        let found = connection.one(statements::CANDIDATE, values![*key], |row| {
            let (device, name, mut known) = known(row)?;
            known.superseded_by = row.get(6)?;
            Ok((device, name, known, row.get::<u32>(7)?))
        })?;
        // Somebody has decided otherwise meanwhile.
        let Some((device, name, mut known, offers)) = found else { continue };
        known.holds = holds(connection, device, &program.name)?;
        let at = now.as_millisecond();
        match fit(&record.plan, &program, &known, now) {
            Fit::Offer { .. } if offers >= MAX_OFFERS => {
                let reason = format!("it is to have {offers} programs already");
                let later = (now + PUT_OFF_FOR).as_millisecond();
                connection.execute(statements::WAIT, values![*key, reason, at, later])?;
            }
            Fit::Offer { until } => {
                make_offer(connection, record, (*key, device), attempt, (until, now))?;
                stepped.offered.push(name);
                continue;
            }
            Fit::Skip(reason) => {
                let (to, from) = (DeviceStanding::Skipped.word(), DeviceStanding::Waiting.word());
                connection.execute(statements::SETTLE, values![*key, to, reason, at, from])?;
            }
            Fit::Hold { reason, until } => {
                let until = until.map(Timestamp::as_millisecond);
                connection.execute(statements::HOLD, values![*key, reason, at, until])?;
            }
            Fit::Wait(opens) => {
                let opens = opens.as_millisecond();
                connection.execute(statements::WAIT, values![*key, SHUT, at, opens])?;
            }
        }
        stepped.changed.push(name);
    }
    // What was left out may have been the last, others wait in its place, and who waits for a wave that has just begun was
    // not looked for.
    stepped.more = !(stepped.changed.is_empty() && stepped.offered.is_empty() && stepped.news.is_empty());
    Ok(())
}

/// Offers it to one device; where somebody else has done that already, it is that offer.
fn make_offer(
    connection: &Connection,
    record: &RolloutRecord,
    (key, device): (i64, i64),
    attempt: &AttemptId,
    (until, now): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let (at, until) = (now.as_millisecond(), until.as_millisecond());
    let by = format!("{} (rollout {})", record.created_by, record.id);
    let name = attempt.as_str();
    if connection.execute(programs::ADD_OFFER, values![device, record.program, name, at, by])? == 1 {
        return connection.execute(statements::OFFERED, values![key, name, at, until]).map(drop);
    }
    let standing = connection.one(statements::STANDING_OFFER, values![device, record.program], |row| {
        Ok((row.get::<String>(0)?, row.get::<Option<i64>>(1)?.is_some()))
    })?;
    if let Some((attempt, is_given)) = standing {
        connection.execute(statements::OFFERED, values![key, attempt, at, until])?;
        if is_given {
            connection.execute(statements::GIVEN, values![device, attempt, at])?;
        }
    }
    Ok(())
}

/// Draws what follows of one device at which nothing has happened for too long; its name, if something does.
fn settle(
    connection: &Connection,
    key: i64,
    heard: bool,
    now: Timestamp,
) -> Result<Option<DeviceId>, StoreError> {
    let at = now.as_millisecond();
    let found = connection.one(statements::OVERDUE_ONE, values![key, at], |row| {
        let state: DeviceStanding = word("state of a device of a rollout", row.get(2)?)?;
        let plan: Plan = from_json("plan of a rollout", &row.get::<String>(4)?)?;
        let (step, waits): (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
        let attempt: Option<String> = row.get(3)?;
        Ok((row.get::<i64>(0)?, row.get::<String>(1)?, state, attempt, plan, (step, waits)))
    })?;
    // Something has happened after all.
    let Some((device, name, state, attempt, plan, (step, waits))) = found else { return Ok(None) };
    let turn = |to: DeviceStanding, reason: Option<String>| {
        connection.execute(statements::SETTLE, values![key, to.word(), reason, at, state.word()]).map(drop)
    };
    match state {
        DeviceStanding::Offered => {
            if connection.execute(statements::TAKE_BACK_UNGIVEN, values![device, attempt])? == 0 {
                return Ok(None);
            }
            let reason = waits.unwrap_or_else(|| NOT_FETCHED.to_owned());
            let pause = SignedDuration::from_secs(plan.fetch_within_seconds.into());
            let later = (now + pause).as_millisecond();
            connection.execute(statements::WAIT, values![key, reason, at, later])?;
        }
        DeviceStanding::UnderWay => {
            let last = step.map_or_else(String::new, |step| format!("; last it was {step}"));
            let within = plan.end_within_seconds;
            turn(DeviceStanding::Silent, Some(format!("it told no end within {within} s{last}")))?;
            connection.execute(statements::TAKE_BACK, values![device, attempt])?;
        }
        DeviceStanding::Proving if heard => turn(DeviceStanding::Kept, None)?,
        DeviceStanding::Proving => {
            let within = plan.silent_after_seconds;
            let reason = format!("it kept the program, and was not heard of {within} s later");
            turn(DeviceStanding::Silent, Some(reason))?;
        }
        DeviceStanding::Held => {
            connection.execute(statements::WAIT, values![key, None::<&str>, at, 0])?;
        }
        _ => return Ok(None),
    }
    id("device", name).map(Some)
}
