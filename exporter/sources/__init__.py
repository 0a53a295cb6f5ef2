"""Where candles come from. A source is what `sqlite.MarketDatabase` is."""
