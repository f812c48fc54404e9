-- Replace what changed. What is replaced is kept with the times between which it was believed. Runs along_the_key: the
-- UPDATE of millions of bars would be planned as a hash join that reads the whole table.
insert into market.price_revisions
(
    symbol_id, day, open, high, low, close, volume, close_usd, fx_date, known_since, known_until, batch_id,
    replaced_by_batch_id, provisional
)
select
    stored.symbol_id, stored.day, stored.open, stored.high, stored.low, stored.close, stored.volume, stored.close_usd,
    stored.fx_date, stored.known_since, delivered.requested_at, stored.batch_id, %(batch_id)s,
    stored.provisional
from differing_bars as delivered
cross join lateral (
    select * from market.prices
    where prices.symbol_id = delivered.symbol_id and prices.day = delivered.day
    offset 0
) as stored
where not delivered.is_new;

with changed as (
    update market.prices as stored
    set
        provisional = delivered.provisional,
        open = delivered.open, high = delivered.high, low = delivered.low, close = delivered.close,
        volume = delivered.volume,
        close_usd = delivered.close * delivered.usd_per_unit, fx_date = delivered.rate_date,
        usd_missing = market.usd_missing(delivered.currency, delivered.usd_per_unit),
        batch_id = %(batch_id)s, known_since = delivered.requested_at
    from differing_bars as delivered
    where not delivered.is_new and stored.symbol_id = delivered.symbol_id and stored.day = delivered.day
    returning 1
)

select count(*) as changed from changed
