-- Which rows must be written, with their USD close; rows that are stored already, value by value, are only counted.
-- Rates are looked up once for each currency and day of the rows that are written, not of all delivered.
create temporary table written (
    symbol_id integer,
    day date,
    open double precision,
    high double precision,
    low double precision,
    close double precision,
    volume bigint,
    requested_at timestamptz,
    provisional boolean,
    is_new boolean,
    close_usd double precision,
    fx_date date,
    usd_missing text
) on commit drop;

with bars as (
    select
        message.symbol_id, message.currency, staged.day, staged.open, staged.high, staged.low, staged.close,
        staged.volume, message.requested_at,
        coalesce(staged.day > message.final_until, false) as provisional
    from STAGING as staged
    inner join batch_messages as message using (partition, kafka_offset)
    left join superseded using (partition, kafka_offset, day)
    where
        staged.reason is null and message.known_rows is null and message.symbol_id is not null
        and superseded.day is null
),

compared as materialized (
    select
        bars.*,
        stored.symbol_id is null as is_new,
        (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.provisional)
        is distinct from (stored.open, stored.high, stored.low, stored.close, stored.volume, stored.provisional)
        as differs
    from bars
    left join market.prices as stored on stored.symbol_id = bars.symbol_id and stored.day = bars.day
),

rates as materialized (
    select pairs.currency, pairs.day, rate.usd_per_unit, rate.rate_date
    from (select distinct currency, day from compared where differs) as pairs
    cross join lateral market.usd_rate(pairs.currency, pairs.day) as rate
),

differing as (
    insert into written
    select
        compared.symbol_id, compared.day, compared.open, compared.high, compared.low, compared.close, compared.volume,
        compared.requested_at, compared.provisional, compared.is_new, compared.close * rates.usd_per_unit, rates.rate_date,
        case
            when rates.usd_per_unit is not null then null
            when compared.currency is null then 'unknown currency'
            else 'no rate for ' || compared.currency
        end
    from compared
    left join rates on rates.currency = compared.currency and rates.day = compared.day
    where compared.differs
)

select count(*) filter (where not differs) as unchanged from compared
