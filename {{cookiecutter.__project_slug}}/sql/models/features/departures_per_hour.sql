select
    origin,
    scheduled_hour_utc,
    count(*) as departures_same_hour

from {{ ref('stg_flights') }}
group by origin, scheduled_hour_utc
