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
        coalesce(sum(flights) over {{ past_28_days(keys) }}, 0) as flights,
        sum(late_flights) over {{ past_28_days(keys) }} as late_flights

    from days

)

select
    {{ keys | join(', ') }},
    flight_date,
    cast(flights as integer) as {{ prefix }}_flights_28d,
    cast(late_flights as {{ double() }}) / nullif(flights, 0) as {{ prefix }}_late_rate_28d

from history
{%- endmacro %}

{% macro past_28_days(keys) -%}
    (
            partition by {{ keys | join(', ') }}
            order by {{ days_between("'1970-01-01'", 'flight_date') }}
            range between 28 preceding and 1 preceding
        )
{%- endmacro %}
