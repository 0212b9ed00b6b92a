//! The mutants: where, what, and what it becomes. A text that is not to be found any more stops the
//! run: a mutant that is not applied would pass for one that was caught.

/// One mistake.
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    /// Stands in the file exactly once.
    pub(crate) find: &'static str,
    pub(crate) replace: &'static str,
}

const fn m(
    name: &'static str,
    file: &'static str,
    find: &'static str,
    replace: &'static str,
) -> Mutant {
    Mutant { name, file, find, replace }
}

const CELL: &str = "shared/ledger/src/cell/credit.rs";
const RELEASE: &str = "shared/ledger/src/cell/release.rs";
const SPOOL: &str = "shared/ledger/src/spool.rs";
const TAIL: &str = "shared/ledger/src/spool/tail.rs";
const REMAINDER: &str = "shared/ledger/src/remainder.rs";
const BORROWER: &str = "shared/ledger/src/borrower.rs";
const LENDER: &str = "shared/ledger/src/lender.rs";
const EXPIRY: &str = "shared/ledger/src/expiry.rs";
const GRANTS: &str = "shared/ledger/src/grants.rs";
const OUTGOING: &str = "shared/ledger/src/outgoing.rs";
const DESK: &str = "shared/ledger/src/desk.rs";
const SETTLE: &str = "shared/ledger/src/books/settle.rs";
const MOVES: &str = "shared/ledger/src/books/settle/moves.rs";
const CREDIT: &str = "shared/ledger/src/books/credit.rs";
const LOTS: &str = "shared/ledger/src/books/lots.rs";
const VIEW: &str = "shared/ledger/src/books/view.rs";
const STORED: &str = "shared/ledger/src/books/checkpoint/credit.rs";
const LEASE: &str = "shared/ledger/src/books/lease.rs";
const CHECKPOINT: &str = "shared/ledger/src/books/checkpoint.rs";
const WRITER: &str = "shared/journal/src/writer.rs";
const GROUP: &str = "shared/journal/src/group.rs";
const SCAN: &str = "shared/journal/src/scan.rs";
const RECOVERY: &str = "shared/journal/src/recovery.rs";

/// All of them.
pub(crate) const MUTANTS: [Mutant; 48] = [
    m(
        "settlement without a watermark",
        SETTLE,
        "        if run.end_seq() <= expected {
            return Ok(Applied::Nothing);
        }
        if run.first_seq != expected {
            let found = run.first_seq;
            return Err(BooksError::Gap { ring: run.ring, expected, found });
        }
",
        "",
    ),
    m(
        "a gap is settled as if nothing was missing",
        SETTLE,
        "        if run.first_seq != expected {",
        "        if run.first_seq < expected {",
    ),
    m(
        "a void leaves its hold open, to be ended again",
        SETTLE,
        "        draft.touch(void.account, book);
        draft.close(of.run, open);",
        "        draft.touch(void.account, book);
        let _ = open;",
    ),
    m(
        "a charge is counted without its part above the hold",
        SETTLE,
        "        charged: add(from_hold, from_free)?,",
        "        charged: from_hold,",
    ),
    m(
        "credit that came back is not posted",
        SETTLE,
        "draft.returned = add(draft.returned, *amount)?;",
        "",
    ),
    m(
        "a key's purse is passed over",
        MOVES,
        "            if payer.key_limited {",
        "            if payer.key_limited && made.charge.charged.is_zero() {",
    ),
    m(
        "a return does not reach the account",
        MOVES,
        "book.sums.unlent = [book.sums.unlent, amount].into_iter().sum();",
        "let _ = book;",
    ),
    m(
        "a top-up is booked each time it is asked for",
        CREDIT,
        "        if let Some(earlier) = self.transaction_by_reference(row.account, &row.reference) {
            return repeated(earlier, &row);
        }
        check_credit(kind, &row)?;",
        "        check_credit(kind, &row)?;",
    ),
    m(
        "a refund is booked each time it is asked for",
        CREDIT,
        "        if let Some(earlier) = self.refund_by_reference(*generation, reference) {
            return repeated(earlier, &row);
        }
",
        "",
    ),
    m(
        "refunds beyond the charge",
        CREDIT,
        "        if refunded > charge {",
        "        if amount > charge {",
    ),
    m(
        "an adjustment takes what is lent",
        CREDIT,
        "    if amount.is_negative() && after.is_negative() {",
        "    if amount.is_negative() && after.pico() < -100 {",
    ),
    m(
        "a closed epoch keeps its leases",
        LEASE,
        "        for purse in purses {",
        "        for purse in purses.into_iter().skip(1) {",
    ),
    m(
        "a loan beyond what is there",
        LENDER,
        "    let lend = share.min(unlent).min(room);",
        "    let lend = share.min(room);",
    ),
    m(
        "a recall asks for nothing",
        LENDER,
        "        *free = (*free).min(missing);",
        "        *free = Usd::ZERO;",
    ),
    m(
        "what was sent is acknowledged, not what was settled",
        DESK,
        "if is_over { end } else { mark(ring) }",
        "end.max(mark(ring))",
    ),
    m(
        "a hold beyond free credit",
        CELL,
        "        while (0..=free).contains(&amount) {",
        "        while amount >= 0 && free > 0 {",
    ),
    m(
        "the whole hold comes back, whatever was charged",
        CELL,
        "        self.add(held.saturating_sub(charged));",
        "        self.add(held);",
    ),
    m(
        "a grant is counted twice",
        CELL,
        "        self.owned.fetch_add(amount.max(0), Ordering::Relaxed);
        self.add(amount.max(0));",
        "        self.owned.fetch_add(amount.max(0), Ordering::Relaxed);
        self.add(amount.max(0) * 2);",
    ),
    m(
        "what is taken back stays",
        CELL,
        "            match self.swap(free, free - taken) {",
        "            match self.swap(free, free) {",
    ),
    m(
        "a hold that the key cannot pay keeps the account's credit",
        RELEASE,
        "        credit.undo_hold(amount);
        return false;",
        "        return false;",
    ),
    m(
        "a request gives its hold back when it ends, not when that is written",
        RELEASE,
        "        Self { credit, allowance, held, charged, free: None }",
        "        let (account, key) = (Arc::clone(&credit), allowance.clone());
        Self { credit: account, allowance: key, held, charged, free: None }.perform();
        Self { credit, allowance, held: 0, charged: 0, free: None }",
    ),
    m(
        "a return is not written down",
        SPOOL,
        "            page.other(&Record::Return { purse, amount });",
        "            let _ = (purse, amount);",
    ),
    m(
        "a grant is written down and never given",
        SPOOL,
        "                LedgerAnswer::Granted(amount) => cell.grant(word(amount)),",
        "                LedgerAnswer::Granted(_) => cell.unask(),",
    ),
    m(
        "the journal of a running request is removed",
        TAIL,
        "map(|(a, b)| *a.min(b))",
        "map(|(a, _)| *a)",
    ),
    m(
        "journal is removed that the ledger does not have",
        TAIL,
        "map(|(a, b)| *a.min(b))",
        "map(|(_, b)| *b)",
    ),
    m(
        "an epoch is done when anything of each ring was settled",
        REMAINDER,
        "self.acknowledged.get(ring) >= Some(end)",
        "self.acknowledged.get(ring) >= Some(end).map(|_| &1)",
    ),
    m(
        "a recovery beyond the hold",
        BORROWER,
        "        charge: progress.charge.min(hold.amount),",
        "        charge: progress.charge,",
    ),
    m(
        "a recovery for nothing",
        BORROWER,
        "        charge: progress.charge.min(hold.amount),",
        "        charge: Usd::ZERO,",
    ),
    m(
        "a checkpoint forgets what a lease confirmed",
        CHECKPOINT,
        "        Ok(Lease { granted, confirmed, settled, returned, held })",
        "        Ok(Lease { granted, confirmed: confirmed.min(settled), settled, returned, held })",
    ),
    m(
        "a batch counts before it is on disk",
        WRITER,
        "        self.archive
            .disk
            .sync(&self.current.file)
            .map_err(|source| self.failed(\"sync the journal\", source))?;
",
        "",
    ),
    m(
        "a rotation keeps what was never durable",
        WRITER,
        "        self.written = self.durable;
        self.archive.last = self.durable.number;",
        "        self.archive.last = self.written.number;",
    ),
    m(
        "after a failed sync another one is believed",
        GROUP,
        "                self.sync().map(|()| position)",
        "                let synced = self.sync().map(|()| position);
                if matches!(synced, Err(JournalError::Io { .. })) { Ok(position) } else { synced }",
    ),
    m(
        "a torn batch is accepted",
        SCAN,
        "            && checksum(bytes, &bytes[HEAD_BYTES..]) == claimed;",
        "            && checksum(bytes, &bytes[HEAD_BYTES..]) | 1 != claimed & 1;",
    ),
    m(
        "what a start found is taken for durable",
        RECOVERY,
        "        if let Some(head) = window.head(newest)?.filter(|_| self.durable < self.tip.number) {",
        "        if let Some(head) = window.head(newest)?.filter(|_| self.tip.number < self.durable) {",
    ),
    m(
        "a grant is taken each time its total is told",
        GRANTS,
        "        *known = total;",
        "        *known = *known;",
    ),
    m(
        "a fence leaves open holds what they held",
        LEASE,
        "        book.empty_holds();",
        "",
    ),
    m(
        "what left over a lost link counts as arrived",
        OUTGOING,
        "            (marks.shipped, marks.acknowledged) = (*seq, *seq);",
        "            (marks.shipped, marks.acknowledged) = (marks.durable.max(*seq), *seq);",
    ),
    m(
        "credit ends though a request holds it",
        EXPIRY,
        "books.left_of(lot).min(books.unlent(purse).unwrap_or_default())",
        "books.left_of(lot)",
    ),
    m(
        "what is lent when it should end is forgotten",
        EXPIRY,
        "                self.returning.insert(lot, purse);",
        "                self.returning.remove(&lot);",
    ),
    m(
        "a transaction leaves the lots as they were",
        CREDIT,
        "        book.lots.make(sums.spent, change);",
        "        drop(change);",
    ),
    m(
        "a top-up is paid back each time it is asked for",
        CREDIT,
        "            let out = Transaction { amount: less(Usd::ZERO, row.amount)?, ..row };
            return repeated(earlier, &out);
",
        "            let _ = earlier;
",
    ),
    m(
        "a top-up goes back after its time",
        CREDIT,
        "        if credit.refund_until.is_none_or(|end| end < *at) {",
        "        if credit.refund_until.is_none() {",
    ),
    m(
        "what was paid back stays in its lot",
        LOTS,
        "                let rest = self.open[place].lose(amount, loss);",
        "                let rest = match loss {
                    Loss::PaidBack => Usd::ZERO,
                    loss => self.open[place].lose(amount, loss),
                };",
    ),
    m(
        "a customer's own refund counts for nothing",
        CREDIT,
        "            flagged: *flagged,",
        "            flagged: false,",
    ),
    m(
        "a checkpoint forgets which refunds were a customer's own",
        STORED,
        "        flagged: from.switch()?,",
        "        flagged: from.switch()? && false,",
    ),
    m(
        "customers refund to themselves beyond their budget",
        VIEW,
        "        after.is_some_and(|after| after <= budget)",
        "        after.is_some_and(|_| amount <= budget)",
    ),
    m(
        "a fee is posted as credit",
        CREDIT,
        "        after.fees = add(after.fees, row.fee)?;",
        "        after.topped_up = add(after.topped_up, row.fee)?;",
    ),
    m(
        "holds of a lost journal keep their lease",
        DESK,
        "    if ledger.books().open_holds(dataplane, epoch).next().is_some() {",
        "    if false {",
    ),
];
