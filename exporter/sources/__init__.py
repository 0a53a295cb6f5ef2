"""Where candles come from. Each source is one module that keeps `base.Source`'s promises."""
