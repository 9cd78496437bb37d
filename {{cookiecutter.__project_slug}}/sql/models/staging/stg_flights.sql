with source as (

    select * from {{ source('nycflights', 'flights') }}

),

renamed as (

    select
        ---------- keys
        concat(year * 10000 + month * 100 + day, '-', carrier, '-', flight, '-', origin) as flight_id,
        carrier,
        origin,
        dest,
        tailnum as tail_number,

        ---------- schedule
        {{ make_date('year', 'month', 'day') }} as flight_date,
        {{ clock_minutes('sched_dep_time') }} as scheduled_departure_minutes,
        {{ clock_minutes('sched_arr_time') }} as scheduled_arrival_minutes,
        cast(time_hour as {{ datetime() }}) as scheduled_hour_utc,
        distance as distance_miles,

        ---------- known after departure
        dep_delay as departure_delay_minutes,
        arr_delay as arrival_delay_minutes,
        air_time as air_time_minutes

    from source

)

select * from renamed
