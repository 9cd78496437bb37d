{#- What engines write differently in the SQL of `nox -s new_pipeline`: texts, and quoted names. -#}
{% macro text() -%}
    {{ 'string' if target.type in ('spark', 'bigquery') else 'varchar' }}
{%- endmacro %}
{% macro quote(name) -%}
    {%- set mark = '`' if target.type in ('spark', 'bigquery') else '"' -%}
    {#- Snowflake keeps a name in capitals that was made without quotes. -#}
    {%- set name = name.upper() if target.type == 'snowflake' and name == name.lower() else name -%}
    {{ mark ~ name.replace(mark, mark ~ mark) ~ mark }}
{%- endmacro %}

{#- A digest in hexadecimal of texts, which are between `call` and `endcall`. -#}
{% macro hash_row() -%}
    {%- if target.type == 'bigquery' -%}
        to_hex(md5(array_to_string([{{ caller() }}], '|')))
    {%- else -%}
        md5(concat_ws('|', {{ caller() }}))
    {%- endif -%}
{%- endmacro %}

{#- A time read from the text between `call` and `endcall`, which is written in the format of strptime; one with an
    offset from UTC is that of UTC. -#}
{% macro parse_time(format) -%}
    {%- if target.type == 'duckdb' -%}
        strptime({{ caller() }}, '{{ format }}')
    {%- elif '%z' in format and target.type == 'bigquery' -%}
        datetime(parse_timestamp('{{ format.replace('%z', '%Ez').replace('%S.%f', '%E6S') }}', {{ caller() }}))
    {%- elif '%z' in format -%}
        {{ {
            'spark': 'to_timestamp_ltz(' ~ caller() ~ ')',
            'snowflake': "convert_timezone('UTC', to_timestamp_tz(" ~ caller() ~ '))',
        }.get(target.type, 'cast(' ~ caller() ~ " as timestamp with time zone) at time zone 'UTC'") }}
    {%- elif target.type == 'bigquery' -%}
        parse_datetime('{{ format.replace('%S.%f', '%E6S') }}', {{ caller() }})
    {%- else -%}
        {%- set letters = {
            'snowflake': ['"T"', '"Z"', 'YYYY', 'MM', 'DD', 'HH24', 'MI', 'SS', 'FF6', 'MON', 'MMMM'],
            'spark': ["'T'", "'Z'", 'yyyy', 'M', 'd', 'H', 'm', 's', 'SSSSSS', 'MMM', 'MMMM'],
        }.get(target.type, ['"T"', '"Z"', 'YYYY', 'MM', 'DD', 'HH24', 'MI', 'SS', 'US', 'Mon', 'FMMonth']) -%}
        {#- Digits beside each other need their number of places. -#}
        {%- set adjoined = format.replace('%Y%m', 'yyyyMM').replace('MM%d', 'MMdd') -%}
        {%- set format = adjoined if target.type == 'spark' else format -%}
        {%- set day = format.replace('T', letters[0]).replace('Z', letters[1]).replace('%Y', letters[2]) -%}
        {%- set day = day.replace('%m', letters[3]).replace('%d', letters[4]) -%}
        {%- set day = day.replace('%b', letters[9]).replace('%B', letters[10]) -%}
        {%- set time = day.replace('%H', letters[5]).replace('%M', letters[6]).replace('%S', letters[7]) -%}
        {%- set mark = '"' if target.type == 'spark' else "'" -%}
        {{ 'to_timestamp_ntz' if target.type == 'snowflake' else 'to_timestamp' -}}
        ({{ caller() }}, {{ mark ~ time.replace('%f', letters[8]) ~ mark }})
    {%- endif -%}
{%- endmacro %}

{#- A time from what is between `call` and `endcall`: a number of units since 1970, each of some microseconds. -#}
{% macro make_time(unit) -%}
    {%- set count = caller() ~ ' * ' ~ unit -%}
    {{ {
        'postgres': "timestamp '1970-01-01' + " ~ count ~ " * interval '1 microsecond'",
        'spark': 'cast(timestamp_micros(' ~ count ~ ') as timestamp_ntz)',
        'bigquery': 'datetime(timestamp_micros(' ~ count ~ '))',
        'snowflake': 'to_timestamp_ntz(' ~ count ~ ', 6)',
    }.get(target.type, 'make_timestamp(' ~ count ~ ')') }}
{%- endmacro %}

{#- Whether the number between `call` and `endcall` is neither infinite nor none. -#}
{% macro is_finite() -%}
    {{ 'isfinite(' ~ caller() ~ ')' if target.type == 'duckdb' else caller() ~ ' - ' ~ caller() ~ ' = 0' }}
{%- endmacro %}
