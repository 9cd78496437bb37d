{#- A schema bears the name that the project gives it, without the target's: every engine shows the same names. -#}
{% macro generate_schema_name(custom_schema_name, node) %}
    {{- custom_schema_name or target.schema -}}
{% endmacro %}

{#- What engines write differently: types, a time without a zone among them. -#}
{% macro double() -%}
    {{ {'postgres': 'double precision', 'bigquery': 'float64'}.get(target.type, 'double') }}
{%- endmacro %}
{% macro datetime() -%}
    {{ {'bigquery': 'datetime', 'snowflake': 'timestamp_ntz'}.get(target.type, 'timestamp') }}
{%- endmacro %}

{#- The day of the week (Monday is 1), days from one date to another, a date, and a time some hours before another. -#}
{% macro iso_weekday(day) -%}
    {%- if target.type == 'bigquery' -%}
        cast(format_date('%u', {{ day }}) as integer)
    {%- else -%}
        {%- set part = {'spark': 'dayofweek_iso', 'snowflake': 'dayofweekiso'}.get(target.type, 'isodow') -%}
        cast(extract({{ part }} from {{ day }}) as integer)
    {%- endif -%}
{%- endmacro %}
{% macro days_between(first, last) -%}
    {%- set first, last = 'cast(' ~ first ~ ' as date)', 'cast(' ~ last ~ ' as date)' -%}
    {{ {
        'spark': 'datediff(' ~ last ~ ', ' ~ first ~ ')',
        'bigquery': 'date_diff(' ~ last ~ ', ' ~ first ~ ', day)',
        'snowflake': 'datediff(day, ' ~ first ~ ', ' ~ last ~ ')',
    }.get(target.type, last ~ ' - ' ~ first) }}
{%- endmacro %}
{% macro make_date(year, month, day) -%}
    {{ {'bigquery': 'date', 'snowflake': 'date_from_parts'}.get(target.type, 'make_date') -}}
    (cast({{ year }} as integer), cast({{ month }} as integer), cast({{ day }} as integer))
{%- endmacro %}
{% macro hours_before(moment, hours) -%}
    {{ {
        'bigquery': 'datetime_sub(' ~ moment ~ ', interval ' ~ hours ~ ' hour)',
        'snowflake': 'dateadd(hour, -' ~ hours ~ ', ' ~ moment ~ ')',
    }.get(target.type, moment ~ " - interval '" ~ hours ~ "' hour") }}
{%- endmacro %}
