with source as (

    select * from {{ source('nycflights', 'planes') }}

),

renamed as (

    select
        tailnum as tail_number,
        year as built_year,
        seats

    from source

)

select * from renamed
