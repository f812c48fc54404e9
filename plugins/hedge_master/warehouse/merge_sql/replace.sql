-- Replace what changed. What is replaced is kept with the times between which it was believed.
insert into market.price_revisions
(
    symbol_id, day, open, high, low, close, volume, close_usd, fx_date, known_since, known_until, batch_id,
    replaced_by_batch_id, provisional
)
select
    stored.symbol_id, stored.day, stored.open, stored.high, stored.low, stored.close, stored.volume, stored.close_usd,
    stored.fx_date, stored.known_since, written.requested_at, stored.batch_id, %(batch_id)s,
    stored.provisional
from written
inner join market.prices as stored using (symbol_id, day)
where not written.is_new;

with changed as (
    update market.prices as stored
    set
        provisional = written.provisional,
        open = written.open, high = written.high, low = written.low, close = written.close, volume = written.volume,
        close_usd = written.close_usd, fx_date = written.fx_date, usd_missing = written.usd_missing,
        batch_id = %(batch_id)s, known_since = written.requested_at
    from written
    where not written.is_new and stored.symbol_id = written.symbol_id and stored.day = written.day
    returning 1
)

select count(*) as changed from changed
