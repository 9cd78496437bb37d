with source as (

    select * from {{ source('nycflights', 'weather') }}

),

renamed as (

    select
        ---------- keys
        origin,
        cast(time_hour as {{ datetime() }}) as observed_hour_utc,

        ---------- measurements
        temp as temperature_f,
        humid as humidity_pct,
        wind_dir as wind_direction_deg,
        -- One station reported 1,048 mph: no wind on Earth, so the instrument did not measure.
        case when wind_speed <= 250 then wind_speed end as wind_speed_mph,
        precip as precipitation_in,
        pressure as pressure_mbar,
        visib as visibility_miles

    from source

)

select * from renamed
