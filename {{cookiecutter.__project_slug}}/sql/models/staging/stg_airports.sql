with source as (

    select * from {{ source('nycflights', 'airports') }}

),

renamed as (

    select
        faa as airport,
        name as airport_name,
        tz as utc_offset_hours,
        dst = 'A' as observes_daylight_saving

    from source

)

select * from renamed
