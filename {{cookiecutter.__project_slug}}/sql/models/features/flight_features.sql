with flights as (

    select * from {{ ref('flown_flights') }}

),

weather as (

    select * from {{ ref('stg_weather') }}

),

planes as (

    select * from {{ ref('stg_planes') }}

),

airports as (

    select * from {{ ref('stg_airports') }}

),

departures as (

    select * from {{ ref('departures_per_hour') }}

),

route_history as (

    select * from {{ ref('route_history') }}

),

carrier_history as (

    select * from {{ ref('carrier_history') }}

)

select
    ---------- key, time, label
    flights.flight_id,
    flights.flight_date,
    flights.is_late,

    ---------- schedule
    flights.carrier,
    flights.origin,
    flights.dest,
    flights.distance_miles,
    flights.scheduled_departure_minutes,
    flights.scheduled_arrival_minutes,
    {{ iso_weekday('flights.flight_date') }} as iso_day_of_week,
    departures.departures_same_hour,
    -- Both clocks are local, so the difference of the time zones comes off; a day more keeps the remainder positive.
    -- In summer, an hour is added where the clocks of the destination do not change.
    cast(mod(
        flights.scheduled_arrival_minutes - flights.scheduled_departure_minutes + 2880
        - 60 * (destinations.utc_offset_hours - origins.utc_offset_hours)
        + case
            when destinations.observes_daylight_saving then 0
            else {{ summer_minutes('flights', 'origins.utc_offset_hours') }}
        end,
        1440
    ) as integer) as scheduled_duration_minutes,

    ---------- aircraft
    planes.seats,
    cast(extract(year from flights.flight_date) as integer) - planes.built_year as aircraft_age_years,

    ---------- weather, observed in the hour before the scheduled one
    weather.temperature_f,
    weather.humidity_pct,
    weather.wind_direction_deg,
    weather.wind_speed_mph,
    weather.precipitation_in,
    weather.pressure_mbar,
    weather.visibility_miles,

    ---------- history, up to the day before
    route_history.route_flights_28d,
    route_history.route_late_rate_28d,
    carrier_history.carrier_flights_28d,
    carrier_history.carrier_late_rate_28d

from flights
left join weather
    on
        flights.origin = weather.origin
        and weather.observed_hour_utc = {{ hours_before('flights.scheduled_hour_utc', 1) }}
left join planes
    on flights.tail_number = planes.tail_number
left join airports as origins
    on flights.origin = origins.airport
left join airports as destinations
    on flights.dest = destinations.airport
left join departures
    on
        flights.origin = departures.origin
        and flights.scheduled_hour_utc = departures.scheduled_hour_utc
left join route_history
    on
        flights.origin = route_history.origin
        and flights.dest = route_history.dest
        and flights.flight_date = route_history.flight_date
left join carrier_history
    on
        flights.carrier = carrier_history.carrier
        and flights.flight_date = carrier_history.flight_date
