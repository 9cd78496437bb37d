{#- Minutes after midnight of a clock time written as the integer HHMM (517 is 05:17). -#}
{% macro clock_minutes(hhmm) -%}
    cast(floor({{ hhmm }} / 100) as integer) * 60 + mod({{ hhmm }}, 100)
{%- endmacro %}

{#- Minutes by which the clock of the origin is ahead of standard time: local hour and UTC hour of a flight tell. -#}
{% macro summer_minutes(flights, utc_offset_hours) -%}
    60 * mod(
        cast(floor({{ flights }}.scheduled_departure_minutes / 60) as integer)
        - cast(extract(hour from {{ flights }}.scheduled_hour_utc) as integer)
        - {{ utc_offset_hours }} + 48,
        24
    )
{%- endmacro %}
