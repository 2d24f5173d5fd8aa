"""A property platform in Egypt: chat, search, reservations and a market of liquidity pools."""
