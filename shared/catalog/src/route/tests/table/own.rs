//! Requests of customers who have provider keys of their own.

/// The rows of the table.
pub(super) const OWN: &[(&str, &str)] = &[
    ("m=a/x own=dear", "x@dear+ x@cheap x@mid x@dear"),
    ("m=a/x own=dear own=mid", "x@mid+ x@dear+ x@cheap x@mid x@dear"),
    ("m=a/x own=dear order=cheap,mid", "x@dear+ x@cheap x@mid x@dear"),
    ("m=a/x last=cheap", "x@cheap x@mid x@dear x@cheap+"),
    ("m=a/x own=mid last=mid", "x@mid+ x@cheap x@mid x@dear x@mid+"),
    ("m=a/x always=mid", "x@mid+ x@cheap x@dear"),
    ("m=a/x always=mid only=mid", "x@mid+"),
    ("m=a/x barred=mid", "x@cheap x@dear"),
    ("m=a/x barred=mid only=mid", "!provider.only"),
    ("m=a/y barred=mid barred=dear", "!unreachable"),
    ("m=a/x resting=mid", "x@cheap x@mid x@dear x@mid+"),
    ("m=a/x resting=mid own=mid", "x@mid+ x@cheap x@mid x@dear"),
    ("m=a/x own=dear eject=x@dear", "x@cheap x@mid x@dear+ x@dear"),
    ("m=a/x own=dear alone", "x@dear+"),
    ("m=a/x own=dear only=cheap", "x@cheap"),
    ("m=a/x own=mid key.providers=dear", "x@dear"),
    ("m=a/x own=dear key.zdr", "x@mid"),
    ("m=a/off own=off", "off@off+"),
    ("m=a/off last=off", "off@off+"),
    ("m=a/x models=a/y own=dear", "x@dear+ x@cheap x@mid x@dear y@dear+ y@mid y@dear"),
    ("m=house/low own=dear most=3", "y@dear+~ x@dear+~ x@cheap~"),
    ("m=a/w own=dear draw=3", "w@dear+ w@dear w@cheap w@mid"),
];
