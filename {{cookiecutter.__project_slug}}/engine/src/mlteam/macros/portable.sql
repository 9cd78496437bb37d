{#- What engines write differently: types, a time without a zone among them, and quoted names. -#}
{% macro double() -%}
    {{ {'postgres': 'double precision', 'bigquery': 'float64'}.get(target.type, 'double') }}
{%- endmacro %}
{% macro text() -%}{{ 'string' if target.type in ('spark', 'bigquery') else 'varchar' }}{%- endmacro %}
{% macro datetime() -%}
    {{ {'bigquery': 'datetime', 'snowflake': 'timestamp_ntz'}.get(target.type, 'timestamp') }}
{%- endmacro %}
{% macro quote(name) -%}
    {%- set mark = '`' if target.type in ('spark', 'bigquery') else '"' -%}
    {#- Snowflake keeps a name in capitals that was made without quotes. -#}
    {%- set name = name.upper() if target.type == 'snowflake' and name == name.lower() else name -%}
    {{ mark ~ name.replace(mark, mark ~ mark) ~ mark }}
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

{#- A digest in hexadecimal of texts, which are between `call` and `endcall`. -#}
{% macro hash_row() -%}
    {%- if target.type == 'bigquery' -%}
        to_hex(md5(array_to_string([{{ caller() }}], '|')))
    {%- else -%}
        md5(concat_ws('|', {{ caller() }}))
    {%- endif -%}
{%- endmacro %}

{#- A time read from the text between `call` and `endcall`, which is written in the format of strptime. -#}
{% macro parse_time(format) -%}
    {%- set letters = {
        'postgres': ['"T"', '"Z"', 'YYYY', 'MM', 'DD', 'HH24', 'MI', 'SS', 'US', 'Mon', 'FMMonth'],
        'snowflake': ['"T"', '"Z"', 'YYYY', 'MM', 'DD', 'HH24', 'MI', 'SS', 'FF6', 'MON', 'MMMM'],
        'spark': ["'T'", "'Z'", 'yyyy', 'MM', 'dd', 'HH', 'mm', 'ss', 'SSSSSS', 'MMM', 'MMMM'],
    }.get(target.type) -%}
    {%- if letters -%}
        {%- set day = format.replace('T', letters[0]).replace('Z', letters[1]).replace('%Y', letters[2]) -%}
        {%- set day = day.replace('%m', letters[3]).replace('%d', letters[4]) -%}
        {%- set day = day.replace('%b', letters[9]).replace('%B', letters[10]) -%}
        {%- set time = day.replace('%H', letters[5]).replace('%M', letters[6]).replace('%S', letters[7]) -%}
        {%- set mark = '"' if target.type == 'spark' else "'" -%}
        {{ 'to_timestamp_ntz' if target.type == 'snowflake' else 'to_timestamp' -}}
        ({{ caller() }}, {{ mark ~ time.replace('%f', letters[8]) ~ mark }})
    {%- elif target.type == 'bigquery' -%}
        parse_datetime('{{ format }}', {{ caller() }})
    {%- else -%}
        strptime({{ caller() }}, '{{ format }}')
    {%- endif -%}
{%- endmacro %}
