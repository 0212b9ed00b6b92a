//! `GET /api/usage/summary`, `/api/usage/timeseries` and `GET /api/v1/activity`: what was used.
//!
//! Read from aggregates. A management key sees all of its account, or one key of it; a live key
//! sees what it used itself. Times are whole UTC hours, days or months: the end's own is included,
//! unless the end is its first instant.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use catalog::keys::{KeyClass, KeyRow};
use serde::{Deserialize, Serialize};
use units::{KeyDigest, TokenClass, Tokens, UnixMillis, Usd};

use super::{Number, Wrapped};
use crate::admin::parsed;
use crate::auth::{Customer, Shared};
use crate::books::{Span, UsageOrder, UsageView, month_start};
use crate::clock;
use crate::receive::Query;
use crate::refuse::Refusal;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// How far back is told where nothing else is asked for, and what activity shows.
const DAYS: u32 = 30;
/// Periods of one answer.
const PERIODS_MAX: usize = 4000;

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    start_time: Option<String>,
    end_time: Option<String>,
    provider_id: Option<String>,
    model: Option<String>,
    key_id: Option<String>,
    #[serde(default)]
    granularity: Granularity,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Granularity {
    Hourly,
    #[default]
    Daily,
    Monthly,
}

/// Sums of use.
#[derive(Debug, Serialize)]
struct Sums {
    requests: u64,
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    tokens: Tokens,
    cost: Number,
    cost_exact: Usd,
}

impl From<&UsageView> for Sums {
    fn from(used: &UsageView) -> Self {
        let (input, output) = (used.tokens.input_total(), used.tokens.output_total());
        Self {
            requests: used.requests,
            input_tokens: input,
            output_tokens: output,
            total_tokens: input.saturating_add(output),
            tokens: used.tokens,
            cost: Number(used.charged),
            cost_exact: used.charged,
        }
    }
}

/// One provider's or model's part.
#[derive(Debug, Serialize)]
struct Part {
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(flatten)]
    sums: Sums,
}

/// Totals, and who has which part of them.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    #[serde(serialize_with = "units::as_text")]
    start_time: UnixMillis,
    #[serde(serialize_with = "units::as_text")]
    end_time: UnixMillis,
    totals: Sums,
    by_provider: Vec<Part>,
    by_model: Vec<Part>,
}

/// One period of a series.
#[derive(Debug, Serialize)]
struct Point {
    #[serde(serialize_with = "units::as_text")]
    time: UnixMillis,
    #[serde(flatten)]
    sums: Sums,
}

/// Use period by period, those without any included.
#[derive(Debug, Serialize)]
pub(crate) struct Series {
    granularity: Granularity,
    #[serde(serialize_with = "units::as_text")]
    start_time: UnixMillis,
    #[serde(serialize_with = "units::as_text")]
    end_time: UnixMillis,
    data: Vec<Point>,
}

pub(crate) async fn summary(
    State(shared): State<Shared>,
    Customer(key): Customer,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Summary>, Refusal> {
    let (start_time, end_time) = wanted.times()?;
    let rows = wanted.rows(&shared, &key, (start_time, end_time)).await?;
    let mut totals = UsageView::none(start_time);
    rows.iter().for_each(|row| totals.add(row));
    let providers = parts(&rows, |row| row.provider.clone());
    let models = parts(&rows, |row| row.model.clone());
    let part = |provider_id, model, used: UsageView| {
        let sums = Sums::from(&used);
        Part { provider_id, model, sums }
    };
    Ok(Json(Summary {
        start_time,
        end_time,
        totals: Sums::from(&totals),
        by_provider: providers.into_iter().map(|(id, used)| part(Some(id), None, used)).collect(),
        by_model: models.into_iter().map(|(id, used)| part(None, Some(id), used)).collect(),
    }))
}

/// Rows summed by a name, the dearest first.
fn parts(rows: &[UsageView], name: impl Fn(&UsageView) -> String) -> Vec<(String, UsageView)> {
    let mut parts: BTreeMap<String, UsageView> = BTreeMap::new();
    for row in rows {
        parts.entry(name(row)).or_insert_with(|| UsageView::none(row.at)).add(row);
    }
    let mut parts: Vec<_> = parts.into_iter().collect();
    parts.sort_by_key(|(_, used)| std::cmp::Reverse(used.charged));
    parts
}

pub(crate) async fn timeseries(
    State(shared): State<Shared>,
    Customer(key): Customer,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Series>, Refusal> {
    let (start_time, end_time) = wanted.times()?;
    let mut periods = wanted.periods(start_time, end_time)?;
    for row in wanted.rows(&shared, &key, (start_time, end_time)).await? {
        if let Some((_, used)) = periods.range_mut(..=row.at).next_back() {
            used.add(&row);
        }
    }
    let point = |(time, used): (UnixMillis, UsageView)| Point { time, sums: Sums::from(&used) };
    let data = periods.into_iter().map(point).collect();
    Ok(Json(Series { granularity: wanted.granularity, start_time, end_time, data }))
}

impl Wanted {
    /// From the beginning of a period to the end of one.
    fn times(&self) -> Result<(UnixMillis, UnixMillis), Refusal> {
        let read = |param: &'static str, text: &Option<String>| {
            let instant = text.as_deref().map(|text| {
                let found =
                    UnixMillis::parse_rfc3339(text).or_else(|| UnixMillis::parse_date(text));
                found.ok_or_else(|| {
                    let message =
                        format!("{param} is an instant such as 2026-01-31T12:00:00Z, or a date");
                    Refusal::invalid(param, message)
                })
            });
            instant.transpose()
        };
        let end = read("end_time", &self.end_time)?.unwrap_or_else(clock::now);
        let step = if self.granularity == Granularity::Hourly { HOUR_MS } else { DAY_MS };
        let back = if self.granularity == Granularity::Hourly { 23 } else { u64::from(DAYS) - 1 };
        let end = UnixMillis(end.0.div_ceil(step).saturating_mul(step));
        let usual = UnixMillis(end.0.saturating_sub((back + 1) * step));
        let start = read("start_time", &self.start_time)?.unwrap_or(usual);
        let start = UnixMillis(start.0 / step * step);
        if start >= end {
            return Err(Refusal::invalid("start_time", "start_time is before end_time"));
        }
        Ok((start, end))
    }

    /// Every period, with nothing used in it.
    fn periods(
        &self,
        start: UnixMillis,
        end: UnixMillis,
    ) -> Result<BTreeMap<UnixMillis, UsageView>, Refusal> {
        let mut periods = BTreeMap::new();
        let step = if self.granularity == Granularity::Hourly { HOUR_MS } else { DAY_MS };
        if ((end.0 - start.0) / step) as usize > PERIODS_MAX {
            let message = format!("a series has at most {PERIODS_MAX} steps");
            return Err(Refusal::invalid("start_time", message));
        }
        let mut at = start;
        while at < end {
            let begins = match self.granularity {
                Granularity::Monthly => UnixMillis::of_day(month_start(at.day())),
                Granularity::Hourly | Granularity::Daily => at,
            };
            periods.entry(begins).or_insert_with(|| UsageView::none(begins));
            at = at.plus_ms(step);
        }
        Ok(periods)
    }

    async fn rows(
        &self,
        shared: &Shared,
        key: &KeyRow,
        (start, end): (UnixMillis, UnixMillis),
    ) -> Result<Vec<UsageView>, Refusal> {
        let span = match self.granularity {
            Granularity::Hourly => Span::Hours(start.hour()..end.hour()),
            Granularity::Daily | Granularity::Monthly => Span::Days(start.day()..end.day()),
        };
        let order = UsageOrder { key: seen(key, self.key_id.as_deref())?, span };
        let mut rows = shared.commands.usage(key.account, order).await?;
        rows.retain(|row| {
            let is =
                |wanted: &Option<String>, has: &String| wanted.as_ref().is_none_or(|w| w == has);
            is(&self.provider_id, &row.provider) && is(&self.model, &row.model)
        });
        Ok(rows)
    }
}

/// Which key's use a call may see: `None` = the whole account's.
pub(super) fn seen(key: &KeyRow, wanted: Option<&str>) -> Result<Option<KeyDigest>, Refusal> {
    let wanted = wanted.map(|text| parsed("key", text)).transpose()?;
    match key.class {
        KeyClass::Management => Ok(wanted),
        KeyClass::Live | KeyClass::Guest if wanted.is_none_or(|wanted| wanted == key.digest) => {
            Ok(Some(key.digest))
        }
        KeyClass::Live | KeyClass::Guest => {
            Err(Refusal::Forbidden("a live key sees only what it used itself"))
        }
    }
}

/// `?date=`.
#[derive(Debug, Deserialize)]
pub(crate) struct Day {
    date: Option<String>,
}

/// What was used of a model at an endpoint on a day, in OpenRouter's shape.
#[derive(Debug, Serialize)]
pub(crate) struct Activity {
    date: String,
    model: String,
    model_permaslug: String,
    endpoint_id: String,
    provider_name: String,
    usage: Number,
    usage_exact: Usd,
    byok_usage_inference: Number,
    requests: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
    reasoning_tokens: u64,
}

/// The last 30 days that are over, newest first.
pub(crate) async fn activity(
    State(shared): State<Shared>,
    Customer(key): Customer,
    Query(wanted): Query<Day>,
) -> Result<Json<Wrapped<Vec<Activity>>>, Refusal> {
    let today = clock::now().day();
    let mut days = today.saturating_sub(DAYS)..today;
    if let Some(date) = &wanted.date {
        let day = UnixMillis::parse_date(date).map(|date| date.day());
        let day = day.filter(|day| days.contains(day)).ok_or_else(|| {
            let message = format!("date is one of the last {DAYS} days that are over (UTC)");
            Refusal::invalid("date", message)
        })?;
        days = day..day + 1;
    }
    let order = UsageOrder { key: seen(&key, None)?, span: Span::Days(days) };
    let mut rows = shared.commands.usage(key.account, order).await?;
    rows.sort_by(|left, right| {
        let place = |row: &UsageView| (std::cmp::Reverse(row.at), row.model.clone(), endpoint(row));
        place(left).cmp(&place(right))
    });
    rows.dedup_by(|later, first| {
        let same =
            (later.at, &later.model, endpoint(later)) == (first.at, &first.model, endpoint(first));
        if same {
            first.add(later);
        }
        same
    });
    Ok(Json(Wrapped { data: rows.into_iter().map(Activity::from).collect() }))
}

/// A name of an endpoint, the same for ever.
fn endpoint(row: &UsageView) -> String {
    format!("{}/{}", row.provider, row.upstream_model)
}

impl From<UsageView> for Activity {
    fn from(used: UsageView) -> Self {
        Self {
            date: used.at.date(),
            endpoint_id: endpoint(&used),
            model_permaslug: used.model.clone(),
            usage: Number(used.charged),
            usage_exact: used.charged,
            byok_usage_inference: Number(used.own_cost),
            requests: used.requests,
            prompt_tokens: used.tokens.input_total(),
            completion_tokens: used.tokens.output_total(),
            reasoning_tokens: used.tokens[TokenClass::Reasoning],
            model: used.model,
            provider_name: used.provider,
        }
    }
}
