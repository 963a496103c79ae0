# The rates of a market that does not exist.
import random

with Process() as process:
    rates = {"USD": 1.10, "GBP": 0.85, "JPY": 160.0}
    while not process.stopping.wait(0.5):
        currency = random.choice(list(rates))
        rates[currency] *= random.uniform(0.999, 1.001)
        process.emit("rate", {"currency": currency, "rate": round(rates[currency], 4)})
