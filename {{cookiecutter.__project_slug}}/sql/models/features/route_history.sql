{{ late_history(ref('flown_flights'), ['origin', 'dest'], 'route') }}
