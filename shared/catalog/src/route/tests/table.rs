//! What is asked, and whom a request then goes to.
//!
//! An answer is the candidates in order: `^` before one that is above its caps, `+` behind one
//! that is asked with an own key, `~` behind one that is named after its tier. Without
//! any it is what stands in the way: `!` if leaving that out would help, `?` if it would not be
//! enough, else `unknown` or `planned`.

mod bound;
mod own;

use super::*;
use bound::BOUND;
use own::OWN;

/// The endpoints of `a/x` by price.
pub(super) const X: &str = "x@cheap x@mid x@dear";

/// A model whose id looks like one with a variant.
const ODD: &str = "odd:floor@mid odd:floor@dear";

/// How a name is found, and what its variants do.
const NAMES: &[(&str, &str)] = &[
    ("m=a/x", X),
    ("m=x-c", X),
    ("m=a/y", "y@mid y@dear"),
    ("m=gift", "gift@cheap gift@mid"),
    ("m=A/X", "unknown"),
    ("m=a/none", "unknown"),
    ("m=", "unknown"),
    ("m=:floor", "unknown"),
    ("m=a/x:", "unknown"),
    ("m=a/x:swift", "unknown"),
    ("m=a/x:Floor", "unknown"),
    ("m=a/x:floor", X),
    ("m=a/x:beta", X),
    ("m=x-m:floor", X),
    ("m=a/x:floor:beta", X),
    ("m=a/x:swift:floor", "unknown"),
    ("m=a/x:nitro", X),
    ("m=a/x:nitro rate=x@dear:9", "x@dear x@cheap x@mid"),
    ("m=a/x:nitro rate=x@dear:9 rate=x@mid:10", "x@mid x@dear x@cheap"),
    ("m=a/x:extended", "x@mid x@dear x@cheap"),
    ("m=a/x:extended:floor", X),
    ("m=a/x:free", "!free"),
    ("m=a/gift:free", "gift@cheap"),
    ("m=a/gift:free:floor", "gift@cheap"),
    ("m=a/x:online", "!web_search"),
    ("m=a/x:thinking", "x@mid x@dear"),
    ("m=a/y:thinking", "!thinking"),
    ("m=a/x:online:free", "?web_search"),
    ("m=b/odd:floor", ODD),
    ("m=odd", ODD),
    ("m=b/odd", "unknown"),
    ("m=b/odd:floor:beta", ODD),
    ("m=a/embed", "!kind"),
    ("m=a/off", "!unreachable"),
    ("m=house/low", "x@cheap~ y@mid~ y@dear~ x@mid~ x@dear~"),
    ("m=house/low:floor", "x@cheap~ y@mid~ y@dear~ x@mid~ x@dear~"),
    ("m=house/high", "planned"),
    ("m=house/high:floor", "planned"),
    ("m=house/high models=a/y", "y@mid y@dear"),
    ("m=a/y models=house/high", "y@mid y@dear"),
];

/// Fallbacks, `auto`, and shares.
const MODELS: &[(&str, &str)] = &[
    ("m=a/y models=a/x", "y@mid y@dear x@cheap x@mid x@dear"),
    ("m=a/x models=a/y", "x@cheap x@mid x@dear y@mid y@dear"),
    ("m=a/y models=a/x most=3", "y@mid y@dear x@cheap"),
    ("m=a/x models=a/x", X),
    ("m=a/y models=house/low", "y@mid y@dear x@cheap~ x@mid~ x@dear~"),
    ("m=a/x models=a/none", "unknown"),
    ("m=a/embed models=a/y", "y@mid y@dear"),
    ("m=a/off models=a/y", "y@mid y@dear"),
    ("m=a/y models=a/x text=20000", X),
    ("m=a/y models=a/x eject=y@mid eject=y@dear", "x@cheap x@mid x@dear y@mid y@dear"),
    ("m=a/x models=a/y sort=price", "x@cheap x@mid x@dear y@mid y@dear"),
    ("m=a/x models=a/y sort=price across", "x@cheap y@mid y@dear x@mid x@dear"),
    ("m=a/x models=a/y alone", "x@cheap y@mid"),
    ("m=a/x models=a/y alone order=dear", "x@dear y@dear"),
    ("m=a/x:thinking models=a/y:floor", "x@mid x@dear y@mid y@dear"),
    ("m=a/x models=a/y split=3,1 draw=0", "x@cheap x@mid x@dear y@mid y@dear"),
    ("m=a/x models=a/y split=3,1 draw=2", "x@cheap x@mid x@dear y@mid y@dear"),
    ("m=a/x models=a/y split=3,1 draw=3", "y@mid y@dear x@cheap x@mid x@dear"),
    ("m=a/x models=a/y split=0,1 draw=4", "y@mid y@dear x@cheap x@mid x@dear"),
    ("m=a/x models=a/y split=0,0 draw=4", "x@cheap x@mid x@dear y@mid y@dear"),
    ("m=a/x models=a/y split=0,1 text=20000", X),
    ("m=auto", "x@cheap x@mid x@dear y@mid y@dear gift@cheap gift@mid w@dear"),
    ("m=auto most=2", "x@cheap x@mid"),
    ("m=openrouter/auto most=1", "x@cheap"),
    ("m=auto:floor most=3", "gift@cheap gift@mid w@dear"),
    ("m=auto sort=price most=3 auto=a/y,a/x", "x@cheap y@mid y@dear"),
    ("m=auto auto=a/y", "y@mid y@dear"),
    ("m=auto auto=*/y", "y@mid y@dear"),
    ("m=auto auto=a/* not=a/x,*/gift most=2", "y@mid y@dear"),
    ("m=auto auto=b/*", "!auto-router"),
    ("m=auto auto=a/x not=a/x", "!auto-router"),
    ("m=auto key.models=a/y", "y@mid y@dear"),
    ("m=auto text=20000 most=4", "x@cheap x@mid x@dear long@mid"),
    ("m=a/x auto=a/y", X),
    ("m=a/y models=auto most=3", "y@mid y@dear x@cheap"),
    ("m=a/w draw=0", "w@cheap w@dear w@mid"),
    ("m=a/w draw=2", "w@cheap w@dear w@mid"),
    ("m=a/w draw=3", "w@mid w@dear w@cheap"),
    ("m=a/w draw=3 eject=w@mid", "w@cheap w@dear w@mid"),
    ("m=a/w draw=3 degrade=w@mid", "w@cheap w@dear w@mid"),
    ("m=a/w draw=3 ignore=mid", "w@cheap w@dear"),
    ("m=a/w draw=3 sort=price", "w@dear w@cheap w@mid"),
    ("m=a/w draw=3 order=dear", "w@dear w@cheap w@mid"),
    ("m=a/w:floor draw=3", "w@dear w@cheap w@mid"),
    ("m=a/w draw=3 cheapest", "w@dear w@cheap w@mid"),
    ("m=a/w draw=3 alone", "w@mid"),
    ("m=a/w draw=3 most=1", "w@mid"),
];

/// The `provider` object.
const PROVIDER: &[(&str, &str)] = &[
    ("m=a/x order=dear", "x@dear x@cheap x@mid"),
    ("m=a/x order=dear,mid", "x@dear x@mid x@cheap"),
    ("m=a/x order=DEAR,nobody", "x@dear x@cheap x@mid"),
    ("m=a/x order=mid/turbo", "x@mid x@cheap x@dear"),
    ("m=a/x order=mid/eu", "x@mid x@cheap x@dear"),
    ("m=a/x order=dear/bf16", "x@dear x@cheap x@mid"),
    ("m=a/x order=mid/other", X),
    ("m=a/x order=mi", X),
    ("m=a/x order=dear,mid alone", "x@dear x@mid"),
    ("m=a/x order=nobody alone", "!provider.allow_fallbacks"),
    ("m=a/x order=dear eject=x@dear", "x@cheap x@mid x@dear"),
    ("m=a/x order=dear degrade=x@dear", "x@dear x@cheap x@mid"),
    ("m=a/x alone", "x@cheap"),
    ("m=a/x alone eject=x@cheap", "x@mid"),
    ("m=a/x alone sort=throughput rate=x@dear:1", "x@dear"),
    ("m=a/x only=mid", "x@mid"),
    ("m=a/x only=mid,dear", "x@mid x@dear"),
    ("m=a/x only=mid/fp8", "x@mid"),
    ("m=a/x only=mid/int4", "!provider.only"),
    ("m=a/x only=nobody", "!provider.only"),
    ("m=a/x ignore=cheap", "x@mid x@dear"),
    ("m=a/x ignore=cheap,mid,dear", "!provider.ignore"),
    ("m=a/x only=mid ignore=mid", "!provider.ignore"),
    ("m=a/x only=nobody ignore=cheap,mid,dear", "?provider.only"),
    ("m=a/x deny", "x@mid x@dear"),
    ("m=a/x zdr", "x@mid"),
    ("m=a/x deny zdr", "x@mid"),
    ("m=a/x zdr only=cheap", "!provider.only"),
    ("m=a/x zdr only=dear", "!provider.only"),
    ("m=a/x zdr deny only=cheap", "!provider.only"),
    ("m=a/gift:free zdr", "!free"),
    ("m=a/x quant=fp8", "x@mid"),
    ("m=a/x quant=fp8,int4", "x@cheap x@mid"),
    ("m=a/x quant=unknown", "!provider.quantizations"),
    ("m=a/y quant=unknown", "y@mid y@dear"),
    ("m=a/x require set=tools", "x@mid x@dear"),
    ("m=a/x require set=temperature", X),
    ("m=a/x require set=top_k", "!provider.require_parameters"),
    ("m=a/x require", X),
    ("m=a/x set=tools", "x@mid x@dear x@cheap"),
    ("m=a/x set=response_format", "x@mid x@dear x@cheap"),
    ("m=a/x set=seed", X),
    ("m=a/x set=tools sort=price", "x@mid x@dear x@cheap"),
    ("m=a/x sort=price", X),
    ("m=a/x sort=price degrade=x@cheap", X),
    ("m=a/x degrade=x@cheap", "x@mid x@dear x@cheap"),
    ("m=a/x eject=x@cheap", "x@mid x@dear x@cheap"),
    ("m=a/x eject=cheap eject=mid eject=dear", X),
    ("m=a/x sort=throughput rate=x@mid:5 rate=x@dear:50", "x@dear x@mid x@cheap"),
    ("m=a/x sort=latency wait=x@mid:5 wait=x@dear:50", "x@mid x@dear x@cheap"),
    ("m=a/x:nitro sort=price rate=x@dear:50", X),
    ("m=a/x late=50 wait=x@cheap:26", "x@mid x@dear x@cheap"),
    ("m=a/x late=50 wait=x@cheap:25", X),
    ("m=a/x slow=50 rate=x@cheap:49", "x@mid x@dear x@cheap"),
    ("m=a/x slow=50 rate=x@cheap:50", X),
    ("m=a/x limit=5000", "x@mid x@dear x@cheap"),
    ("m=a/x limit=1000", X),
    ("m=a/x limit=9000", "x@cheap x@mid x@dear"),
    ("m=a/x mp.in=2", "x@cheap x@mid"),
    ("m=a/x mp.in=1.999999", "x@cheap"),
    ("m=a/x mp.out=6 mp.in=1.5", "x@cheap"),
    ("m=a/x mp.out=1", "!provider.max_price"),
    ("m=a/gift mp.request=0.0000009", "gift@cheap"),
    ("m=a/gift mp.request=0.000001", "gift@cheap gift@mid"),
    ("m=a/x mp.image=0.001", X),
    ("m=a/x mp.image=0.001 images=1", "x@cheap"),
    ("m=a/x mp.image=0.000999 images=1", "!provider.max_price"),
    ("m=a/ear mp.audio=1", "ear@mid"),
    ("m=a/ear mp.audio=29 audios=1", "!provider.max_price"),
    ("m=a/ear mp.audio=30 audios=1", "ear@mid"),
    ("m=a/ear mp.audio=30 speak", "!provider.max_price"),
    ("m=a/ear mp.audio=60 speak audios=1", "ear@mid"),
];

/// The `routing` object.
const ROUTING: &[(&str, &str)] = &[
    ("m=house/low in=1", "x@cheap~ y@mid~"),
    ("m=house/low in=0.5", "y@mid~"),
    ("m=house/low in=0.49", "!routing.max_input_per_1m"),
    ("m=house/low out=2", "x@cheap~"),
    ("m=house/low total=3.5", "x@cheap~ y@mid~"),
    ("m=house/low total=3", "x@cheap~"),
    ("m=house/low floor=3.5", "y@mid~ y@dear~ x@mid~ x@dear~"),
    ("m=house/low floor=3.5 total=8", "y@mid~ y@dear~ x@mid~"),
    ("m=house/low floor=100", "!routing.min_total_per_1m"),
    ("m=house/low in=0.1 out=0.1", "?routing.max_input_per_1m"),
    ("m=house/low balanced degrade=x@cheap", "y@mid~ y@dear~ x@mid~ x@dear~ x@cheap~"),
    ("m=house/low cheapest degrade=x@cheap", "x@cheap~ y@mid~ y@dear~ x@mid~ x@dear~"),
    ("m=house/low cheapest eject=x@cheap", "y@mid~ y@dear~ x@mid~ x@dear~ x@cheap~"),
    ("m=house/low continuity fail=mid:5 fail=cheap:9", "y@dear~ x@dear~ y@mid~ x@mid~ x@cheap~"),
    ("m=house/low continuity", "x@cheap~ y@mid~ y@dear~ x@mid~ x@dear~"),
    ("m=house/low in=0.1 escalate", "^x@cheap~ ^y@mid~ ^y@dear~ ^x@mid~ ^x@dear~"),
    ("m=house/low in=0.5 escalate", "y@mid~"),
    ("m=house/low in=0.5 escalate eject=y@mid", "^x@cheap~ ^y@dear~ ^x@mid~ ^x@dear~ y@mid~"),
    ("m=house/low in=0.5 eject=y@mid", "y@mid~"),
    ("m=house/low in=0.1 floor=5 escalate", "^y@dear~ ^x@mid~ ^x@dear~"),
    ("m=house/low in=0.1 floor=100 escalate", "!routing.min_total_per_1m"),
    ("m=house/low in=0.1 escalate mp.in=1", "^x@cheap~ ^y@mid~"),
    ("m=house/low in=0.1 escalate zdr", "^y@mid~ ^x@mid~"),
    ("m=a/x in=2", "x@cheap x@mid"),
    ("m=a/x in=2 zdr", "x@mid"),
    ("m=a/x in=1 zdr", "!routing.max_input_per_1m"),
    ("m=a/x models=a/y in=0.5", "y@mid"),
    ("m=a/long in=1", "long@mid"),
    ("m=a/long in=1 text=9000", "long@mid"),
    ("m=a/long in=1 text=11000", "!routing.max_input_per_1m"),
    ("m=a/long in=10 text=11000", "long@mid"),
    ("m=a/long in=1 tier=flex", "long@mid"),
    ("m=a/long in=0.5 tier=flex", "!routing.max_input_per_1m"),
    ("m=a/long in=1 tier=priority", "!routing.max_input_per_1m"),
    ("m=a/long total=7 tier=priority", "long@mid"),
    ("m=a/long total=6.99 tier=priority", "!routing.max_total_per_1m"),
    ("m=auto in=0.4 most=2", "gift@cheap gift@mid"),
    ("m=a/ear in=1 out=1", "ear@mid"),
    ("m=a/ear in=29 audios=1", "!routing.max_input_per_1m"),
    ("m=a/ear in=30 audios=1", "ear@mid"),
    ("m=a/ear out=59 speak", "!routing.max_output_per_1m"),
    ("m=a/ear total=60 speak", "!routing.max_total_per_1m"),
    ("m=a/ear total=61 speak", "ear@mid"),
    ("m=auto floor=30", "!routing.min_total_per_1m"),
];

/// What a request needs, and what its key allows.
const LIMITS: &[(&str, &str)] = &[
    ("m=a/x text=500000", "x@mid x@dear"),
    ("m=a/x text=900000", "!context_length"),
    ("m=a/x tier=flex", "!service_tier"),
    ("m=a/long tier=flex", "long@mid"),
    ("m=a/x search", "!web_search"),
    ("m=a/x foreign", "!tools"),
    ("m=a/off text=900000", "?unreachable"),
    ("m=a/embed zdr", "!kind"),
    ("m=a/x key.models=a/x", X),
    ("m=a/x key.models=a/y", "!allowed_models"),
    ("m=a/x models=a/y key.models=a/y", "y@mid y@dear"),
    ("m=house/low key.models=a/y", "y@mid~ y@dear~"),
    ("m=house/low key.models=house/low most=2", "x@cheap~ y@mid~"),
    ("m=a/x key.models=house/low", "!allowed_models"),
    ("m=a/x models=house/low key.models=house/low most=2", "x@cheap~ y@mid~"),
    ("m=a/x key.providers=mid", "x@mid"),
    ("m=a/x key.providers=nobody", "!allowed_providers"),
    ("m=a/x key.providers=mid only=dear", "!provider.only"),
    ("m=a/x key.providers=mid,dear only=dear", "x@dear"),
    ("m=a/x key.deny", "x@mid x@dear"),
    ("m=a/x key.zdr", "x@mid"),
    ("m=a/x key.zdr deny", "x@mid"),
    ("m=a/x key.zdr ignore=mid", "!provider.ignore"),
    ("m=a/x key.regions=us", "x@cheap"),
    ("m=a/x key.regions=us,eu", "x@cheap x@mid"),
    ("m=a/x key.regions=mars", "!region"),
    ("m=a/x key.regions=us zdr", "!zdr"),
    ("m=a/x key.providers=cheap key.zdr", "!zdr"),
    ("m=a/x key.models=a/y key.providers=off", "?allowed_models"),
];

/// How the endpoints do: who rests, who is full, who is slow.
const HEALTH: &[(&str, &str)] = &[
    ("m=a/x full=x@cheap", "x@mid x@dear x@cheap"),
    ("m=a/x full=x@cheap degrade=x@mid", "x@dear x@mid x@cheap"),
    ("m=a/x full=x@cheap eject=x@mid", "x@dear x@cheap x@mid"),
    ("m=a/x full=cheap full=mid full=dear", X),
    ("m=a/x full=x@cheap most=1", "x@mid"),
    ("m=a/x full=x@dear order=dear", "x@cheap x@mid x@dear"),
    ("m=a/x full=x@cheap sort=price", "x@mid x@dear x@cheap"),
    ("m=a/x full=x@cheap alone", "x@mid"),
    ("m=a/x full=x@cheap only=cheap", "x@cheap"),
    ("m=a/w draw=3 full=w@mid", "w@cheap w@dear w@mid"),
    ("m=house/low in=0.5 escalate full=y@mid", "y@mid~"),
    ("m=a/y models=a/x full=y@mid full=y@dear most=3", "x@cheap x@mid x@dear"),
    ("m=a/x late=50 late75=20 wait75=x@cheap:21", "x@mid x@dear x@cheap"),
    ("m=a/x late=50 late75=20 wait75=x@cheap:20", X),
    ("m=a/x late75=20 wait=x@cheap:99", X),
    ("m=a/x slow99=10 rate99=x@cheap:9", "x@mid x@dear x@cheap"),
    ("m=a/x slow99=10 slow=50 rate99=x@cheap:10 rate=x@cheap:49", "x@mid x@dear x@cheap"),
    ("m=a/x late=50 wait=x@cheap:26 wait=x@mid:26 wait=x@dear:26", X),
    ("m=a/x late=50 wait=x@cheap:26 eject=x@mid", "x@dear x@cheap x@mid"),
    ("m=a/y models=a/x late=50 wait=y@mid:26 most=3", "y@dear x@cheap x@mid"),
    ("m=a/y models=a/x late=50 wait=y@mid:26 wait=y@dear:26 most=3", "x@cheap x@mid x@dear"),
    ("m=a/y models=a/x late=50 wait=y@mid:26 order=mid", "y@mid y@dear x@mid x@cheap x@dear"),
    ("m=a/x late=50 wait=x@cheap:26 sort=price", "x@mid x@dear x@cheap"),
];

/// The endpoints of `a/kept` by price.
const KEPT: &str = "kept@cheap kept@mid kept@dear";

/// Where a session goes that was served before, and what `auto` may cost.
const SESSIONS: &[(&str, &str)] = &[
    ("m=a/kept", KEPT),
    ("m=a/kept settled=kept@cheap", KEPT),
    ("m=a/kept settled=kept@mid", "kept@mid kept@cheap kept@dear"),
    ("m=a/kept settled=kept@dear", KEPT),
    ("m=a/kept settled=kept@dear ignore=cheap", "kept@mid kept@dear"),
    ("m=a/kept settled=kept@mid eject=kept@mid", "kept@cheap kept@dear kept@mid"),
    ("m=a/kept settled=kept@mid full=kept@mid", "kept@cheap kept@dear kept@mid"),
    ("m=a/kept settled=kept@mid degrade=kept@mid", "kept@cheap kept@dear kept@mid"),
    ("m=a/kept settled=kept@mid degrade=kept@cheap", "kept@mid kept@dear kept@cheap"),
    ("m=a/kept settled=kept@mid ignore=mid", "kept@cheap kept@dear"),
    ("m=a/kept settled=kept@mid order=dear", "kept@dear kept@cheap kept@mid"),
    ("m=a/kept settled=kept@mid sort=price", KEPT),
    ("m=a/kept:floor settled=kept@mid", KEPT),
    ("m=a/kept settled=kept@mid cheapest", KEPT),
    ("m=a/kept settled=kept@mid alone", "kept@mid"),
    ("m=a/kept settled=kept@mid set=tools", "kept@mid kept@cheap kept@dear"),
    ("m=a/kept settled=x@mid", KEPT),
    ("m=a/y models=a/kept settled=kept@mid most=3", "y@mid y@dear kept@cheap"),
    ("m=a/w draw=0 settled=w@mid", "w@mid w@dear w@cheap"),
    ("m=a/w draw=3 settled=w@cheap", "w@cheap w@dear w@mid"),
    ("m=a/w draw=3 settled=w@dear", "w@mid w@dear w@cheap"),
    ("m=a/w draw=0 settled=w@mid eject=w@mid", "w@cheap w@dear w@mid"),
    ("m=a/same", "same@dear same@cheap same@mid"),
    ("m=a/same region=us", "same@cheap same@dear same@mid"),
    ("m=a/same region=eu", "same@mid same@dear same@cheap"),
    ("m=a/same region=mars", "same@dear same@cheap same@mid"),
    ("m=a/same region=us eject=same@cheap", "same@dear same@mid same@cheap"),
    ("m=a/same region=us settled=same@mid", "same@mid same@cheap same@dear"),
    ("m=a/same region=us order=mid", "same@mid same@cheap same@dear"),
    ("m=a/x region=eu", X),
    ("m=auto cost=0-200", "gift@cheap gift@mid w@dear w@cheap w@mid"),
    ("m=auto cost=200-400", "long@mid"),
    ("m=auto cost=600-800", X),
    ("m=auto cost=800-1000", "y@mid y@dear"),
    ("m=auto cost=570-580", "!auto-router"),
    ("m=auto cost=0-200 not=*/gift", "w@cheap w@dear w@mid"),
    ("m=auto cost=0-200 auto=a/x", "!auto-router"),
    ("m=a/x cost=800-1000", X),
    ("m=a/x models=auto cost=800-1000", "x@cheap x@mid x@dear y@mid y@dear"),
];

fn answer(catalog: &Catalog, asked: &str) -> String {
    let explained = Ask::read(catalog, asked).explain(catalog);
    let route = match explained.route {
        Ok(route) => route,
        Err(NoRoute::Unknown(_)) => return "unknown".to_owned(),
        Err(NoRoute::Planned(_)) => return "planned".to_owned(),
        Err(NoRoute::Filtered(filtered)) => {
            let mark = if filtered.helps { '!' } else { '?' };
            return format!("{mark}{}", filtered.constraint.name());
        }
    };
    let each = route.candidates.iter().map(|candidate| {
        let mark = if candidate.is_escalated { "^" } else { "" };
        let own = if candidate.source.is_own() { "+" } else { "" };
        let end = if candidate.tier.is_some() { "~" } else { "" };
        format!("{mark}{}{own}{end}", shown(catalog, candidate.endpoint))
    });
    each.collect::<Vec<_>>().join(" ")
}

#[test]
fn each_request_goes_where_the_table_says() {
    let catalog = shop();
    let tables = [NAMES, MODELS, PROVIDER, ROUTING, LIMITS, HEALTH, SESSIONS, OWN, BOUND, ACCOUNT];
    let cases: Vec<_> = tables.into_iter().flatten().collect();
    assert!(cases.len() >= 250, "{}", cases.len());
    let wrong: Vec<String> = cases
        .into_iter()
        .map(|(asked, expected)| (asked, *expected, answer(&catalog, asked)))
        .filter(|(_, expected, answer)| answer != expected)
        .map(|(asked, expected, answer)| format!("{asked}\n   got {answer}\n  want {expected}"))
        .collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
