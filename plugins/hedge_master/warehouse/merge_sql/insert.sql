-- Store the days that are not stored yet of messages about days of which something is.
insert into market.prices
(
    symbol_id, day, provisional, open, high, low, close, volume, close_usd, fx_date, usd_missing, batch_id, known_since
)
select
    bars.symbol_id, bars.day, bars.provisional, bars.open, bars.high, bars.low, bars.close, bars.volume,
    bars.close * bars.usd_per_unit, bars.rate_date,
    market.usd_missing(bars.currency, bars.usd_per_unit),
    %(batch_id)s, bars.requested_at
from differing_bars as bars
where bars.is_new
order by bars.symbol_id, bars.day
