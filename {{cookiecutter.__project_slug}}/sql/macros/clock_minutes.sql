{#- Minutes after midnight of a clock time written as the integer HHMM (517 is 05:17). -#}
{% macro clock_minutes(hhmm) -%}
    cast(floor({{ hhmm }} / 100) as integer) * 60 + {{ hhmm }} % 100
{%- endmacro %}
