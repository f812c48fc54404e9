with new as (
    insert into market.prices
    (
        symbol_id, day, provisional, open, high, low, close, volume, close_usd, fx_date, usd_missing, batch_id,
        known_since
    )
    select
        symbol_id, day, provisional, open, high, low, close, volume, close_usd, fx_date, usd_missing, %(batch_id)s,
        requested_at
    from written
    where is_new
    order by symbol_id, day
    returning 1
)

select count(*) as new from new
