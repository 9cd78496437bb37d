{{ late_history(ref('flown_flights'), ['carrier'], 'carrier') }}
