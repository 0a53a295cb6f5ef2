"""What a candle is written as; `registry` lists the formats."""
