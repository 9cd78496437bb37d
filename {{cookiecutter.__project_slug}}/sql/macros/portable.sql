{#- A schema bears the name that the project gives it, without the target's: every engine shows the same names. -#}
{% macro generate_schema_name(custom_schema_name, node) %}
    {{- custom_schema_name or target.schema -}}
{% endmacro %}

{#- What engines write differently: types, names, the day of the week (Monday is 1), days from one date to another. -#}
{% macro double() -%}{{ 'double precision' if target.type == 'postgres' else 'double' }}{%- endmacro %}
{% macro text() -%}{{ 'string' if target.type == 'spark' else 'varchar' }}{%- endmacro %}
{% macro quote(name) -%}
    {%- set mark = '`' if target.type == 'spark' else '"' -%}
    {{ mark ~ name.replace(mark, mark ~ mark) ~ mark }}
{%- endmacro %}
{% macro iso_weekday(day) -%}
    cast(extract({{ 'dayofweek_iso' if target.type == 'spark' else 'isodow' }} from {{ day }}) as integer)
{%- endmacro %}
{% macro days_between(first, last) -%}
    {%- set dates = ['cast(' ~ last ~ ' as date)', 'cast(' ~ first ~ ' as date)'] -%}
    {{ 'datediff(' ~ dates | join(', ') ~ ')' if target.type == 'spark' else dates | join(' - ') }}
{%- endmacro %}
