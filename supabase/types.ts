// The types of the database, for createClient<Database>(…) of @supabase/supabase-js.
// Written by ./scripts/generate from the migrated database.

export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  public: {
    Tables: {
      attendance_records: {
        Row: {
          class_id: string | null;
          created_at: string | null;
          date: string;
          id: string;
          status: string;
          student_id: string | null;
        };
        ComputedFields: never;
        Insert: {
          class_id?: string | null;
          created_at?: string | null;
          date: string;
          id?: string;
          status: string;
          student_id?: string | null;
        };
        Update: {
          class_id?: string | null;
          created_at?: string | null;
          date?: string;
          id?: string;
          status?: string;
          student_id?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "attendance_records_class_id_fkey";
            columns: ["class_id"];
            isOneToOne: false;
            referencedRelation: "classes";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "attendance_records_student_id_fkey";
            columns: ["student_id"];
            isOneToOne: false;
            referencedRelation: "users";
            referencedColumns: ["id"];
          },
        ];
      };
      class_students: {
        Row: {
          class_id: string | null;
          enrolled_at: string | null;
          id: string;
          student_id: string | null;
        };
        ComputedFields: never;
        Insert: {
          class_id?: string | null;
          enrolled_at?: string | null;
          id?: string;
          student_id?: string | null;
        };
        Update: {
          class_id?: string | null;
          enrolled_at?: string | null;
          id?: string;
          student_id?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "class_students_class_id_fkey";
            columns: ["class_id"];
            isOneToOne: false;
            referencedRelation: "classes";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "class_students_student_id_fkey";
            columns: ["student_id"];
            isOneToOne: false;
            referencedRelation: "users";
            referencedColumns: ["id"];
          },
        ];
      };
      classes: {
        Row: {
          created_at: string | null;
          grade: string;
          id: string;
          name: string;
          room: string | null;
          schedule: string | null;
          section: string;
          subject: string;
          teacher_id: string | null;
        };
        ComputedFields: never;
        Insert: {
          created_at?: string | null;
          grade: string;
          id?: string;
          name: string;
          room?: string | null;
          schedule?: string | null;
          section: string;
          subject: string;
          teacher_id?: string | null;
        };
        Update: {
          created_at?: string | null;
          grade?: string;
          id?: string;
          name?: string;
          room?: string | null;
          schedule?: string | null;
          section?: string;
          subject?: string;
          teacher_id?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "classes_teacher_id_fkey";
            columns: ["teacher_id"];
            isOneToOne: false;
            referencedRelation: "users";
            referencedColumns: ["id"];
          },
        ];
      };
      meeting_registrants: {
        Row: {
          created_at: string | null;
          id: string;
          join_url: string | null;
          meeting_id: string;
          registered_at: string | null;
          status: string | null;
          updated_at: string | null;
          user_id: string;
          zoom_registrant_id: string | null;
        };
        ComputedFields: never;
        Insert: {
          created_at?: string | null;
          id?: string;
          join_url?: string | null;
          meeting_id: string;
          registered_at?: string | null;
          status?: string | null;
          updated_at?: string | null;
          user_id: string;
          zoom_registrant_id?: string | null;
        };
        Update: {
          created_at?: string | null;
          id?: string;
          join_url?: string | null;
          meeting_id?: string;
          registered_at?: string | null;
          status?: string | null;
          updated_at?: string | null;
          user_id?: string;
          zoom_registrant_id?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "meeting_registrants_meeting_id_fkey";
            columns: ["meeting_id"];
            isOneToOne: false;
            referencedRelation: "zoom_meetings";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "meeting_registrants_user_id_fkey";
            columns: ["user_id"];
            isOneToOne: false;
            referencedRelation: "users";
            referencedColumns: ["id"];
          },
        ];
      };
      parent_children: {
        Row: {
          created_at: string | null;
          id: string;
          parent_id: string | null;
          relationship: string | null;
          student_id: string | null;
        };
        ComputedFields: never;
        Insert: {
          created_at?: string | null;
          id?: string;
          parent_id?: string | null;
          relationship?: string | null;
          student_id?: string | null;
        };
        Update: {
          created_at?: string | null;
          id?: string;
          parent_id?: string | null;
          relationship?: string | null;
          student_id?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "parent_children_parent_id_fkey";
            columns: ["parent_id"];
            isOneToOne: false;
            referencedRelation: "users";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "parent_children_student_id_fkey";
            columns: ["student_id"];
            isOneToOne: false;
            referencedRelation: "users";
            referencedColumns: ["id"];
          },
        ];
      };
      qr_attendance_sessions: {
        Row: {
          class_id: string | null;
          created_at: string | null;
          date: string;
          end_time: string | null;
          id: string;
          qr_code: string;
          require_location: boolean | null;
          start_time: string;
          status: string;
          teacher_id: string | null;
        };
        ComputedFields: never;
        Insert: {
          class_id?: string | null;
          created_at?: string | null;
          date: string;
          end_time?: string | null;
          id?: string;
          qr_code: string;
          require_location?: boolean | null;
          start_time: string;
          status?: string;
          teacher_id?: string | null;
        };
        Update: {
          class_id?: string | null;
          created_at?: string | null;
          date?: string;
          end_time?: string | null;
          id?: string;
          qr_code?: string;
          require_location?: boolean | null;
          start_time?: string;
          status?: string;
          teacher_id?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "qr_attendance_sessions_class_id_fkey";
            columns: ["class_id"];
            isOneToOne: false;
            referencedRelation: "classes";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "qr_attendance_sessions_teacher_id_fkey";
            columns: ["teacher_id"];
            isOneToOne: false;
            referencedRelation: "users";
            referencedColumns: ["id"];
          },
        ];
      };
      qr_checkins: {
        Row: {
          checked_in_at: string | null;
          id: string;
          ip_address: string | null;
          ip_hash: string | null;
          location_verified: boolean | null;
          session_id: string | null;
          student_id: string | null;
        };
        ComputedFields: never;
        Insert: {
          checked_in_at?: string | null;
          id?: string;
          ip_address?: string | null;
          ip_hash?: string | null;
          location_verified?: boolean | null;
          session_id?: string | null;
          student_id?: string | null;
        };
        Update: {
          checked_in_at?: string | null;
          id?: string;
          ip_address?: string | null;
          ip_hash?: string | null;
          location_verified?: boolean | null;
          session_id?: string | null;
          student_id?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "qr_checkins_session_id_fkey";
            columns: ["session_id"];
            isOneToOne: false;
            referencedRelation: "qr_attendance_sessions";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "qr_checkins_student_id_fkey";
            columns: ["student_id"];
            isOneToOne: false;
            referencedRelation: "users";
            referencedColumns: ["id"];
          },
        ];
      };
      users: {
        Row: {
          address: string | null;
          avatar: string | null;
          created_at: string | null;
          email: string;
          id: string;
          is_active: boolean | null;
          must_change_password: boolean | null;
          name: string;
          phone: string | null;
          role: string;
          updated_at: string | null;
        };
        ComputedFields: never;
        Insert: {
          address?: string | null;
          avatar?: string | null;
          created_at?: string | null;
          email: string;
          id?: string;
          is_active?: boolean | null;
          must_change_password?: boolean | null;
          name: string;
          phone?: string | null;
          role: string;
          updated_at?: string | null;
        };
        Update: {
          address?: string | null;
          avatar?: string | null;
          created_at?: string | null;
          email?: string;
          id?: string;
          is_active?: boolean | null;
          must_change_password?: boolean | null;
          name?: string;
          phone?: string | null;
          role?: string;
          updated_at?: string | null;
        };
        Relationships: [];
      };
      zoom_meetings: {
        Row: {
          class_id: string | null;
          created_at: string | null;
          description: string | null;
          duration: number;
          host_id: string | null;
          id: string;
          join_url: string;
          meeting_type: string | null;
          password: string | null;
          registration_enabled: boolean | null;
          registration_url: string | null;
          settings: Json | null;
          start_time: string;
          start_url: string | null;
          status: string | null;
          target_audience: string | null;
          timezone: string | null;
          title: string;
          updated_at: string | null;
          zoom_meeting_id: string;
        };
        ComputedFields: never;
        Insert: {
          class_id?: string | null;
          created_at?: string | null;
          description?: string | null;
          duration?: number;
          host_id?: string | null;
          id?: string;
          join_url: string;
          meeting_type?: string | null;
          password?: string | null;
          registration_enabled?: boolean | null;
          registration_url?: string | null;
          settings?: Json | null;
          start_time: string;
          start_url?: string | null;
          status?: string | null;
          target_audience?: string | null;
          timezone?: string | null;
          title: string;
          updated_at?: string | null;
          zoom_meeting_id: string;
        };
        Update: {
          class_id?: string | null;
          created_at?: string | null;
          description?: string | null;
          duration?: number;
          host_id?: string | null;
          id?: string;
          join_url?: string;
          meeting_type?: string | null;
          password?: string | null;
          registration_enabled?: boolean | null;
          registration_url?: string | null;
          settings?: Json | null;
          start_time?: string;
          start_url?: string | null;
          status?: string | null;
          target_audience?: string | null;
          timezone?: string | null;
          title?: string;
          updated_at?: string | null;
          zoom_meeting_id?: string;
        };
        Relationships: [
          {
            foreignKeyName: "zoom_meetings_class_id_fkey";
            columns: ["class_id"];
            isOneToOne: false;
            referencedRelation: "classes";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "zoom_meetings_host_id_fkey";
            columns: ["host_id"];
            isOneToOne: false;
            referencedRelation: "users";
            referencedColumns: ["id"];
          },
        ];
      };
      zoom_participants: {
        Row: {
          created_at: string | null;
          duration: number | null;
          email: string | null;
          id: string;
          join_time: string | null;
          leave_time: string | null;
          meeting_id: string | null;
          name: string | null;
          status: string | null;
          user_id: string | null;
          zoom_participant_id: string | null;
        };
        ComputedFields: never;
        Insert: {
          created_at?: string | null;
          duration?: number | null;
          email?: string | null;
          id?: string;
          join_time?: string | null;
          leave_time?: string | null;
          meeting_id?: string | null;
          name?: string | null;
          status?: string | null;
          user_id?: string | null;
          zoom_participant_id?: string | null;
        };
        Update: {
          created_at?: string | null;
          duration?: number | null;
          email?: string | null;
          id?: string;
          join_time?: string | null;
          leave_time?: string | null;
          meeting_id?: string | null;
          name?: string | null;
          status?: string | null;
          user_id?: string | null;
          zoom_participant_id?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "zoom_participants_meeting_id_fkey";
            columns: ["meeting_id"];
            isOneToOne: false;
            referencedRelation: "zoom_meetings";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "zoom_participants_user_id_fkey";
            columns: ["user_id"];
            isOneToOne: false;
            referencedRelation: "users";
            referencedColumns: ["id"];
          },
        ];
      };
    };
    Views: {
      [_ in never]: never;
    };
    Functions: {
      apply_zoom_events: { Args: { events: Json; policy?: Json }; Returns: Json };
      catch_up_zoom: { Args: { most?: number; since?: string }; Returns: Json };
      enter_zoom_meeting: { Args: { email_domain?: string; meeting: string }; Returns: Json };
      explain_attendance: { Args: { date?: string; meeting: string; policy?: Json; student: string }; Returns: Json };
      inspect_zoom_project: { Args: Record<PropertyKey, never>; Returns: Json };
      lesson_timeline: { Args: { date: string; meeting: string; policy?: Json }; Returns: Json };
      look_as_zoom_user: { Args: { email: string }; Returns: Json };
      recent_lessons: { Args: { most?: number }; Returns: Json };
      refused_zoom_rows: { Args: { most?: number }; Returns: Json };
      rehearse_zoom_lesson: { Args: { policy?: Json }; Returns: Json };
      rejudge_left: { Args: Record<PropertyKey, never>; Returns: Json };
      rejudge_zoom: { Args: { chosen: Json }; Returns: Json };
      unmatched_zoom: { Args: { most?: number }; Returns: Json };
      watch_zoom: { Args: { saw?: Json }; Returns: Json };
      zoom_meeting_admission: { Args: { email_domain?: string; meeting: string }; Returns: Json };
      zoom_meeting_people: { Args: { meeting: string }; Returns: Json };
    };
    Enums: {
      [_ in never]: never;
    };
    CompositeTypes: {
      [_ in never]: never;
    };
  };
};

type DatabaseWithoutInternals = Omit<Database, "__InternalSupabase">;

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">];

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    keyof (DefaultSchema["Tables"] & DefaultSchema["Views"]) | { schema: keyof DatabaseWithoutInternals },
  TableName extends (DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
        DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])
    : never) = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? (DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"] &
      DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"])[TableName] extends {
      Row: infer R;
    }
    ? R
    : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
        Row: infer R;
      }
      ? R
      : never
    : never;

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"] | { schema: keyof DatabaseWithoutInternals },
  TableName extends (DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never) = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Insert: infer I;
    }
    ? I
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
        Insert: infer I;
      }
      ? I
      : never
    : never;

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"] | { schema: keyof DatabaseWithoutInternals },
  TableName extends (DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never) = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
      Update: infer U;
    }
    ? U
    : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
        Update: infer U;
      }
      ? U
      : never
    : never;

export type Enums<
  DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"] | { schema: keyof DatabaseWithoutInternals },
  EnumName extends (DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never) = never,
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
    ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
    : never;

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    keyof DefaultSchema["CompositeTypes"] | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends (PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  }
    ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never) = never,
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][CompositeTypeName]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
    ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
    : never;

export const Constants = {
  public: {
    Enums: {},
  },
} as const;
