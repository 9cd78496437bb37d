{#-
  How often flights that share `keys` came late in the 28 days before a day, that day left out:
  what was known when the first flight of the day was scheduled to leave.
  One row per combination of `keys` and flight_date.
-#}
{% macro late_history(flights, keys, prefix) -%}
with days as (

    select
        {{ keys | join(', ') }},
        flight_date,
        count(*) as flights,
        sum(case when is_late then 1 else 0 end) as late_flights

    from {{ flights }}
    group by {{ keys | join(', ') }}, flight_date

),

history as (

    select
        {{ keys | join(', ') }},
        flight_date,
        coalesce(sum(flights) over past, 0) as flights,
        sum(late_flights) over past as late_flights

    from days
    window
        past as (
            partition by {{ keys | join(', ') }}
            order by flight_date
            range between interval '28' day preceding and interval '1' day preceding
        )

)

select
    {{ keys | join(', ') }},
    flight_date,
    cast(flights as integer) as {{ prefix }}_flights_28d,
    cast(late_flights as {{ double() }}) / nullif(flights, 0) as {{ prefix }}_late_rate_28d

from history
{%- endmacro %}
