select
    flight_id,
    carrier,
    origin,
    dest,
    tail_number,
    flight_date,
    scheduled_departure_minutes,
    scheduled_arrival_minutes,
    scheduled_hour_utc,
    distance_miles,
    arrival_delay_minutes >= 15 as is_late

from {{ ref('stg_flights') }}
-- A cancelled or diverted flight never arrives where it was going, so late or on time has no meaning for it.
where arrival_delay_minutes is not null
