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
