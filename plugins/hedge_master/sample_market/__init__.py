"""A local server that speaks Alpha Vantage: real sample prices, a simulated world, and a market clock.

`python -m hedge_master.sample_market` starts it; docs/sample-market.md says what is real and what is simulated.
"""
