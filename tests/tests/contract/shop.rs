//! A shop of two providers, which customers may choose between.

use tollgate_tests::stand::Stand;
use tollgate_tests::upstream::Upstream;

/// A stand with these models of `up`, which says nothing of what it keeps, and of `second`, which
/// stands in Europe and retains nothing.
pub(crate) fn open(models: &str) -> (Stand, Upstream) {
    let second = Upstream::start();
    let stand = Stand::with(|config| {
        let privacy = "data_collection = false\nzdr = true\nregion = \"eu\"";
        let mut config = config.provider("second", &second.base_url(), privacy);
        config.catalog.push_str(models);
        config
    });
    (stand, second)
}
