{#- A schema bears the name that the project gives it, without the target's: every engine shows the same names. -#}
{% macro generate_schema_name(custom_schema_name, node) %}
    {{- custom_schema_name or target.schema -}}
{% endmacro %}
