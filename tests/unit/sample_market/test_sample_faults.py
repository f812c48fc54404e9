"""Which calls are hit, and by what: the setting, the share, the order, the end of a bad run."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sample_market_terms import OpenMarket, ServeMarket

from hedge_master.sample_market.faults import GROUPS, TRANSIENT, Fault, FaultDealer, Faults, parse_faults
from hedge_master.settings import REPO_ROOT, SettingsError, load_settings
from watch import Watch

SYMBOLS = [f"SIM{number:03}" for number in range(1_000)]


def daily(symbol: str, **more: str) -> dict[str, str]:
    return {"function": "TIME_SERIES_DAILY", "symbol": symbol, "outputsize": "full", "apikey": "k", **more}


def test_there_are_no_faults_unless_they_are_asked_for() -> None:
    assert load_settings({}).sample_market_faults == parse_faults("none") == Faults(rate=0)
    chosen = load_settings({"HM_SAMPLE_MARKET_FAULTS": "rate=0.2, seed=7, kinds=Transient, slow_seconds=0.5"})
    assert chosen.sample_market_faults == Faults(0.2, 7, TRANSIENT, 0.5)
    assert parse_faults("rate=1,kinds=burst+html,echo_key=yes") == Faults(
        1, kinds=frozenset({Fault.BURST, Fault.HTML}), echo_key=True
    )
    assert parse_faults("rate=1,kinds=transient+daily_cap").kinds == TRANSIENT | {Fault.DAILY_CAP}


@pytest.mark.parametrize(
    "text", ["none", "rate=0.2,seed=7,kinds=transient,slow_seconds=0.5,echo_key=no", "rate=0.5,kinds=html+burst"]
)
def test_the_setting_can_be_read_back(text: str) -> None:
    assert parse_faults(str(parse_faults(text))) == parse_faults(text)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("rate=2", 'HM_SAMPLE_MARKET_FAULTS is "rate=2": rate "2" is no number from 0 to 1'),
        ("rate=nan", 'rate "nan" is no number from 0 to 1'),
        ("rate=often", 'rate "often" is no number from 0 to 1'),
        ("seed=7", "the rate is missing: none, or rate=0.2,seed=7"),
        ("rate=0.1,seed=1.5", 'seed "1.5" is no whole number from 0 to 2147483647'),
        ("rate=0.1,kinds=rain", 'kind "rain" is none, joined by +, of: all, transient, daily_cap, daily_cap_no_key, '),
        ("rate=0.1,kinds=slow,html", '"html" is one part too many or unknown: none, or rate=0.2'),
        ("rate=0.1,rate=0.2", '"rate=0.2" is one part too many or unknown'),
        ("rate=0.1,slow_seconds=600", 'slow_seconds "600" is no number from 0 to 120'),
        ("rate=0.1,echo_key=perhaps", 'echo_key "perhaps" is neither yes nor no'),
        ("sometimes", '"sometimes" is one part too many or unknown: none, or rate=0.2'),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(value: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings({"HM_SAMPLE_MARKET_FAULTS": value})
    assert complaint in str(error.value)


def test_the_documents_name_every_kind_and_those_that_asking_again_mends() -> None:
    text = (REPO_ROOT / "docs" / "sample-market.md").read_text()
    _, rows = text.split("| kind | transient | the caller gets |\n|---|---|---|\n")
    cells = [row.split("|") for row in rows.split("\n\n")[0].splitlines()]
    told = {name.strip("` "): mark.strip() for _, names, mark, *_ in cells for name in names.split(",")}
    assert told == {fault: "yes" if fault in TRANSIENT else "" for fault in Fault}


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5])
def test_the_rate_is_kept(rate: float) -> None:
    """5,000 calls within four standard deviations; a run of hits that is broken off takes rate^4 at most."""
    dealer = FaultDealer(Faults(rate, seed=7))
    hit = sum(dealer.deal(daily(symbol)) is not None for symbol in SYMBOLS for _ in range(5))
    leeway = 4 * (rate * (1 - rate) * 5_000) ** 0.5
    assert rate * 5_000 - rate**4 * 5_000 - leeway < hit < rate * 5_000 + leeway
    tally = dealer.tally()
    assert (tally["calls"], tally["different_calls"], sum(tally["dealt"].values())) == (5_000, 1_000, hit)


def test_every_kind_has_its_share() -> None:
    """20 kinds over about 4,000 hits: 200 each, deviation 14."""
    dealer = FaultDealer(Faults(0.9, seed=7))
    dealt = Counter(dealer.deal(daily(symbol)) for symbol in SYMBOLS for _ in range(6))
    del dealt[None]
    assert set(dealt) == set(Fault)
    mean = dealt.total() / len(Fault)
    assert all(abs(count - mean) < 5 * mean**0.5 for count in dealt.values()), dealt


def test_threads_in_any_order_meet_the_same_faults() -> None:
    """Per call the same faults, whichever thread asks first, among whatever other calls."""
    asks = [symbol for symbol in SYMBOLS[:200] for _ in range(6)]
    in_turn, at_once = (FaultDealer(Faults(0.3, seed=7)) for _ in range(2))
    expected, met = defaultdict(Counter), defaultdict(Counter)
    for symbol in asks:
        expected[symbol][in_turn.deal(daily(symbol))] += 1
    random.Random(1).shuffle(asks)
    with ThreadPoolExecutor(8) as pool:
        for symbol, fault in zip(asks, pool.map(lambda symbol: at_once.deal(daily(symbol)), asks), strict=True):
            met[symbol][fault] += 1
    assert met == expected
    assert in_turn.tally() == at_once.tally()


def test_two_servers_of_one_seed_fail_alike_and_another_seed_otherwise(open_market: OpenMarket) -> None:
    def seen(seed: int, symbols: list[str]) -> dict[str, list[tuple[int, str]]]:
        market = open_market(faults=Faults(0.4, seed, frozenset({Fault.BURST, Fault.HTML, Fault.HTTP_500})))
        call = {"function": "SPLITS", "apikey": "k"}
        answers = ((symbol, market.get("/query", params={**call, "symbol": symbol})) for symbol in symbols * 3)
        story = defaultdict(list)
        for symbol, answer in answers:
            story[symbol].append((answer.status_code, answer.text))
        return story

    symbols = ["SIM000", "SIM001.LON", "SIM002.DEX", "SIM004.PAR", "SIM005"]
    assert seen(7, symbols) == seen(7, symbols[::-1])
    assert seen(7, symbols) != seen(8, symbols)


def test_a_call_is_the_same_in_any_order_case_and_with_any_key() -> None:
    """The 2nd and 3rd ask are counted as such, although they look different."""
    faults = Faults(0.5, seed=7)
    for symbol in SYMBOLS[:50]:
        plain, mixed = FaultDealer(faults), FaultDealer(faults)
        other = {"apikey": "other", "outputsize": "FULL", "symbol": symbol.lower(), "function": "Time_Series_Daily"}
        expected = [plain.deal(daily(symbol)) for _ in range(3)]
        assert [mixed.deal(daily(symbol)), mixed.deal(daily(symbol, apikey="x")), mixed.deal(other)] == expected


def test_other_kinds_hit_the_same_calls() -> None:
    """What hits a call may differ between settings; which is hit depends on seed and rate alone."""
    few, many = (FaultDealer(Faults(0.3, 7, kinds)) for kinds in (frozenset({Fault.HTML}), GROUPS["all"]))
    for symbol in SYMBOLS:
        assert (few.deal(daily(symbol)) is None) == (many.deal(daily(symbol)) is None)


@pytest.mark.parametrize("rate", [0.2, 0.9, 0.99])
def test_no_call_is_hit_more_than_three_times_in_a_row(rate: float) -> None:
    dealer, longest = FaultDealer(Faults(rate, seed=7, kinds=TRANSIENT)), 0
    for symbol in SYMBOLS[:100]:
        in_a_row = 0
        for _ in range(40):
            in_a_row = 0 if dealer.deal(daily(symbol)) is None else in_a_row + 1
            longest = max(longest, in_a_row)
    assert longest == 3


def test_at_rate_one_nothing_is_ever_answered() -> None:
    dealer = FaultDealer(Faults(1.0))
    assert all(dealer.deal(daily("SIM000")) for _ in range(50))


def test_a_fault_hits_only_a_call_that_it_can_hit() -> None:
    """Another symbol's splits in CSV could not be told from the true ones; a compact answer needs no premium plan."""
    some = Faults(1.0, kinds=frozenset({Fault.OTHER_SYMBOL, Fault.PREMIUM_FULL}))

    def dealt(call: dict[str, str]) -> set[Fault | None]:
        dealer = FaultDealer(some)
        return {dealer.deal(call) for _ in range(20)}

    compact = daily("SIM000", outputsize="compact")
    assert dealt(daily("SIM000")) == some.kinds
    assert dealt(compact) == dealt({**compact, "outputsize": ""}) == {Fault.OTHER_SYMBOL}
    assert dealt(daily("SIM000", datatype="csv")) == {Fault.PREMIUM_FULL}
    assert dealt({"function": "SPLITS", "symbol": "SIM000", "datatype": "csv"}) == {None}
    assert dealt({"function": "SYMBOL_SEARCH", "keywords": "SIM"}) == dealt({"function": "LISTING_STATUS"}) == {None}


def test_a_call_that_is_refused_for_its_pace_is_dealt_nothing(open_market: OpenMarket) -> None:
    """So that the same calls are hit however fast they are asked."""
    watch = Watch()
    market = open_market(limits=watch.limits(second=1), faults=Faults(1.0, kinds=frozenset({Fault.HTTP_500})))
    assert market.get("/query", params=daily("SIM000")).status_code == 500
    assert "1 request per second" in market.get("/query", params=daily("SIM000")).json()["Information"]
    assert "apikey is invalid" in market.get("/query", params={"symbol": "SIM000"}).json()["Error Message"]
    assert market.get("/faults").json() == {
        "faults": "rate=1.0,seed=2020,kinds=http_500,slow_seconds=2.0,echo_key=no",
        "calls": 1,
        "different_calls": 1,
        "dealt": {"http_500": 1},
    }


def test_clock_health_and_the_ecbs_rates_are_never_hit(open_market: OpenMarket) -> None:
    market, calm = open_market(faults=Faults(1.0)), open_market()
    for path in ("/clock", "/health", "/stats/eurofxref/eurofxref-hist.zip", "/stats/eurofxref/eurofxref.zip"):
        for _ in range(3):
            answer = market.get(path)
            assert (answer.status_code, answer.content) == (200, calm.get(path).content), path
    assert market.post("/clock", json={"advance_trading_days": 1}).json()["market_date"] == "2020-06-15"


def test_whoever_asks_again_gets_every_answer_as_it_is(open_market: OpenMarket, serve_market: ServeMarket) -> None:
    """Half of the calls fail in every way that asking again mends; the third repetition brings the true answer."""
    transient = Faults(0.5, 7, TRANSIENT - {Fault.SLOW})
    calm, failures = open_market(), Counter[str]()
    with httpx.Client(base_url=serve_market(faults=transient)) as client:
        for symbol in ("SIM000", "SIM001.LON", "SIM002.DEX", "SIM004.PAR", "SIM005"):
            for function in ("TIME_SERIES_DAILY", "SPLITS", "EARNINGS"):
                call = {"function": function, "symbol": symbol, "apikey": "k"}
                true = calm.get("/query", params=call).text
                for attempt in range(4):
                    try:
                        if client.get("/query", params=call).text == true:
                            failures[function] += attempt
                            break
                    except httpx.RemoteProtocolError:
                        continue
                else:
                    raise AssertionError(f"{function} {symbol} was never answered")
        dealt = client.get("/faults").json()["dealt"]
    assert failures.total() == sum(dealt.values()) > 5
    assert set(dealt) <= TRANSIENT
