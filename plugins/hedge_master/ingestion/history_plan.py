"""Which symbols a backfill asks for: the full history of those that have none, or of all that are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.plan import PlannedCall


class UnknownSymbols(LookupError):
    """The form names symbols that market.symbols does not have."""


@dataclass(frozen=True)
class Choice:
    """What the form of backfill_price_history narrows a run to; an empty list is no filter. `refresh` asks again also
    where the history is there."""

    symbols: Sequence[str] = field(default_factory=tuple)
    regions: Sequence[str] = field(default_factory=tuple)
    currencies: Sequence[str] = field(default_factory=tuple)
    types: Sequence[str] = field(default_factory=tuple)
    refresh: bool = False


def plan_history(warehouse: Connection, choice: Choice) -> list[PlannedCall]:
    """The full answers that are missing: never had, older than a split that became known since, or behind a gap.

    A call whose message the broker confirmed is not bought again, even if the stream has not read it yet. A former
    company, whose ticker is another's now, cannot be asked for. Raises UnknownSymbols.
    """
    with warehouse.cursor() as cursor:
        cursor.execute(
            "select wanted from unnest(%s::text[]) as form (wanted) where not exists "
            "(select from market.symbols where symbol = wanted and ticker_until is null)",
            (list(choice.symbols),),
        )
        unknown = [name for (name,) in cursor.fetchall()]
        if unknown:
            raise UnknownSymbols(f"symbols: {', '.join(unknown)} not in market.symbols; run sync_symbols first")
        cursor.execute(
            """select symbols.symbol, 'full', missing.reason
            from market.symbols as symbols
            left join lateral (
                select calls.requested_at, calls.outcome from market.api_calls as calls
                where calls.symbol = symbols.symbol and calls.function = 'TIME_SERIES_DAILY'
                    and calls.outputsize = 'full' and calls.outcome in ('published', 'nothing_there')
                    and calls.requested_at >= symbols.added_at
                order by calls.requested_at desc limit 1
            ) as whole on true
            left join lateral (
                select calls.requested_at, calls.gap_after from market.api_calls as calls
                where calls.symbol = symbols.symbol and calls.gap_after is not null
                    and calls.requested_at >= symbols.added_at
                order by calls.requested_at desc limit 1
            ) as gap on true
            cross join lateral (
                select case
                    when whole.requested_at is null or (whole.outcome = 'nothing_there' and exists (
                        select from market.api_calls as calls
                        where calls.symbol = symbols.symbol and calls.function = 'TIME_SERIES_DAILY'
                            and calls.outputsize = 'compact' and calls.outcome = 'published'
                            and calls.requested_at > whole.requested_at
                    )) then 'no history yet'
                    when gap.requested_at > whole.requested_at
                        then 'nothing known after ' || gap.gap_after
                    when exists (
                        select from market.splits as splits
                        where splits.symbol_id = symbols.symbol_id and splits.known_since > whole.requested_at
                    ) then 'a new split'
                    when %(refresh)s then 'refresh'
                end as reason
            ) as missing
            where symbols.ticker_until is null and missing.reason is not null
                and (%(symbols)s = '{}' or symbols.symbol = any(%(symbols)s))
                and (%(regions)s = '{}' or symbols.region = any(%(regions)s))
                and (%(currencies)s = '{}' or symbols.currency = any(%(currencies)s))
                and (%(types)s = '{}' or symbols.type = any(%(types)s))
            order by symbols.status, symbols.symbol""",
            {
                "symbols": list(choice.symbols),
                "regions": list(choice.regions),
                "currencies": list(choice.currencies),
                "types": list(choice.types),
                "refresh": choice.refresh,
            },
        )
        return [PlannedCall(*row) for row in cursor.fetchall()]
